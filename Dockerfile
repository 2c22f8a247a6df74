# stylize with PyTorch for the CPU alone.
#
#     docker build -t stylize .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" stylize apply classics photo.jpg --style starry-night
FROM python:3.11-slim AS built
RUN python -m venv /opt/stylize
ENV PATH=/opt/stylize/bin:$PATH PIP_NO_CACHE_DIR=1
# By itself, so that a change of the source does not bring it again; of the versions that pyproject.toml takes.
RUN pip install 'torch>=2.6,<2.15' --index-url https://download.pytorch.org/whl/cpu
COPY . /source
RUN pip install '/source[plot,video]'

FROM python:3.11-slim
COPY --from=built /opt/stylize /opt/stylize
# What is kept between runs lies in a volume of its own, and whoever runs it may write there: a user that
# --user names has no other home.
ENV PATH=/opt/stylize/bin:$PATH STYLIZE_HOME=/var/stylize HOME=/var/stylize
RUN mkdir -m 1777 /var/stylize
VOLUME /var/stylize
WORKDIR /work
ENTRYPOINT ["stylize"]
