"""Every example of docs/python.md runs, on small pictures and small nets."""

import re
from pathlib import Path

import pytest

from stylize_cli import images

pytest_plugins = ["commandline", "nets", "films"]

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


@pytest.mark.usefixtures("loaded", "conversions")
def test_the_examples_run(tmp_path, monkeypatch, picture, net, pyramid, film):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo.jpg", "monet.jpg", "munch.jpg", "photos/a.jpg")):
        images.write(Path(name), images.Planes(picture(72, 96, seed=seed)))
    net(name="model.pt")
    pyramid(name="texture.pt")
    film("clip.mp4")
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(examples) > 5
    exec(compile("\n".join(examples), str(PAGE), "exec"), {})
    made = {
        "copy.webp",
        "monet.png",
        "now.png",
        "painted.jpg",
        "painted.mp4",
        "new.pt",
        "new.state.pt",
    }
    assert made <= {file.name for file in tmp_path.iterdir()}
