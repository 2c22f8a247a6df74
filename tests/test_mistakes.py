"""What a mistyped command line is told: one line, with the fix, and nothing is written."""

import re

import pytest

from stylize_cli import names

pytest_plugins = ["commandline"]

PAIR = "optimize photo.png style.png"
RUN = "apply classics photo.png"
NO = "there is no option "
MISTAKES = {
    # a style or a model in the place of a picture, and the other way round
    "optimize photo.png vangogh-starry-night": "vangogh-starry-night is no file but a style of the "
    "model classics: stylize apply classics photo.png --style vangogh-starry-night",
    "optimize photo.png starry-night": "starry-night is no file but a style of the model classics: "
    "stylize apply classics photo.png --style vangogh-starry-night",
    "optimize klimt-kiss": "klimt-kiss is no file but a style of the model classics: "
    "stylize apply classics PHOTO --style klimt-kiss",
    "apply klimt-kiss photo.png": "klimt-kiss is a style, no model: name its model in its place, "
    "classics, and where a style is chosen --style klimt-kiss",
    "info starry-night": "starry-night is a style, no model: name its model in its place, "
    "classics, and where a style is chosen --style vangogh-starry-night",
    "texture brick-wall-grey": "brick-wall-grey is a style, no model: name its model in its place, "
    "brick-wall, ",
    "apply photo.png classics": "photo.png is a picture, no model: a model belongs in its place, "
    "such as classics",
    "video clip.mp4 classics -o a.mp4": "clip.mp4 is a clip, no model: a model belongs in its "
    "place, such as classics",
    "texture photo.png": "photo.png is a picture, no model",
    "apply photo.png": "photo.png is a picture, no model: a model belongs in its place, such as ",
    "apply photo.png --style klimt-kiss": "photo.png is a picture, no model: a model belongs ",
    "info photo.png": "photo.png is a picture, no model",
    "apply clasics photo.png": "there is no model 'clasics': did you mean classics?",
    "apply clasics.pt photo.png": "there is no model file clasics.pt: did you mean classics?",
    f"{RUN} --style klint-kiss": "the model has no style 'klint-kiss': did you mean klimt-kiss?",
    f"{RUN} --style monet": "'monet' may be one of several styles: monet-water-lilies-1919, "
    "monet-san-giorgio-dusk",
    RUN: "choose a style with --style: vangogh-starry-night, ",
    f"{RUN} --style klimt-kiss --all-styles": "--style names styles, --all-styles takes all",
    "apply sr4 photo.png --style klimt-kiss": "the model has no styles: leave out --style",
    "apply sr4 photo.png --all-styles": "the model has no styles: leave out --all-styles",
    f"{RUN} klimt-kiss": "klimt-kiss is no file but a style of the model classics: stylize apply "
    "classics photo.png --style klimt-kiss",
    f"{RUN} --style vangogh": "'vangogh' may be one of several styles: vangogh-starry-night, ",
    f"{RUN} --style van_gogh": "'van_gogh' may be one of several styles: vangogh-starry-night, ",
    f"{RUN} --style zebra": "the model has no style 'zebra': it has vangogh-starry-night, ",
    f"{RUN} --style stile.png": "there is no file stile.png: did you mean style.png?",
    "optimize photo.png classics": "classics is no file but a model: stylize apply classics PHOTO",
    "evaluate photo.png --style kiss": "kiss is no file but a style of the model classics: name a "
    "file of the painting itself",
    "train --style klimt-kiss": "klimt-kiss is no file but a style of the model classics: ",
    "blend classics photo.png --style klimt-kiss,munch-scream": "--style 'klimt-kiss,munch-scream' "
    "is not one style: write NAME:0.6, once for each",
    "blend classics photo.png --style klimt-kiss=0.5": "--style 'klimt-kiss=0.5' is not one style",
    f"{RUN} --style klimt-kiss,munch-scream": "--style 'klimt-kiss,munch-scream' is not one style: "
    "give --style once for each",
    f"{RUN} --style style": "the model has no style 'style': did you mean the file style.png?",
    "blend bark photo.png": "bark makes textures of noise: use stylize texture bark",
    "optimize ~/photo.jpg style.png": "there is no file ~/photo.jpg: the shell opens up ~ outside",
    "apply bark photo.png": "bark makes textures of noise: use stylize texture bark",
    "texture classics": "the model works on photos: use stylize apply",
    "blend sr4 photo.png": "sr4 has no styles to mix: use stylize apply",
    # options of other programs, and of other commands
    "optimize photo.png --style style.png": NO + "--style: the style follows the photo: stylize "
    "optimize PHOTO STYLE; see stylize optimize --help",
    "optimize --content photo.png style.png": NO + "--content: the photo comes first",
    f"{PAIR} --gpu": NO + "--gpu: use --device cuda; see stylize optimize --help",
    f"{PAIR} --cpu": NO + "--cpu: use --device cpu",
    f"{PAIR} --steps 3": NO + "--steps: use --iterations",
    f"{PAIR} --strength 0.5": NO + "--strength: use --balance",
    f"{PAIR} --out a.png": NO + "--out: use --output",
    f"{PAIR} -f": NO + "-f: use --overwrite",
    f"{PAIR} --itrations 3": NO + "--itrations: did you mean --iterations?",
    f"{PAIR} --iter 3": NO + "--iter: did you mean --iterations?",
    f"{PAIR} --balance 0,7": "--balance takes a number, without a unit: write 0.7; see",
    f"{PAIR} --balance 70%": "--balance takes a number, without a unit: write 0.7; see",
    f"{PAIR} --style-weight 1,5": "--style-weight takes a number, without a unit: write 1.5; see",
    f"{PAIR} --size 0,7": "--size takes a whole number, without a unit; see",
    f"{PAIR} --try balance=0.1;0.2": "--try 'balance=0.1;0.2' is no list of numbers: write "
    "balance=0.3,0.5,0.7",
    "blend classics photo.png --style a:1": "the model has no style 'a': it has ",
    "optimize photo.png 1.jpg": "there is no file 1.jpg: check the path",
    f"{RUN} --content photo.png": NO + "--content: the photo follows the model",
    f"{RUN} --preserve-colors": NO + "--preserve-colors: use --preserve-color",
    f"{RUN} --alpha 1": NO + "--alpha: use --strength",
    "train --style style.png --epochs 2": NO + "--epochs: use --steps",
    "train --add-style style.png --add-style photo.png --to a.pt": "--add-style is given 2 times, "
    "and counts once: add each to what came of the last",
    "train style.png": "style.png stands alone: give a picture to learn after --style",
    "--nonsense": NO + "--nonsense: leave it out; see stylize --help",
    # commands
    "optimise photo.png style.png": "there is no command 'optimise': did you mean optimize?",
    "photo.png style.png": "'photo.png' is no command: write stylize optimize PHOTO STYLE",
    "nonsense": "there is no command 'nonsense': use one of apply, blend, ",
    "models lst": "there is no command 'lst': did you mean list?; see stylize models --help",
    "help apply": "there is no command 'help': write stylize apply --help",
    "classics photo.png": "'classics' is a model, no command: write stylize apply classics PHOTO",
    "models install x": "there is no command 'install': write stylize models pull NAME; see",
    "models rm x": "there is no command 'rm': write stylize models remove NAME",
    "models info bark": "there is no command 'info': write stylize info NAME",
    "models list bark": "bark is one too many: stylize info MODEL tells of one",
    "models show bark photo.png": "photo.png is one too many: give the photo after --photo",
    "page photo.png": "photo.png is one too many: choose pictures in the browser",
    "info bark onyx": "onyx is one too many: info takes one at a time",
    "texture rusty metal": "metal is one too many: put a name with spaces in quotes",
    "blend bark photo.png style.png": "style.png is one too many: blend takes one at a time",
    "blend bark photo.png --style klimt-kiss 0.6 --style munch-scream 0.4": "0.6 0.4 are too many: "
    "write a weight behind its style, NAME:0.6",
    "blend bark photo.png --grid a b": "b is one too many: write --grid A,B,C,D with commas",
    "reconstruct photo.png --style relu1_1 relu2_1": "relu2_1 is one too many: write layers with ",
    "evaluate photo.png --photo photo.png": NO + "--photo: use --content",
    "evaluate photo.png -o a.txt": NO + "-o: figures go to stdout: write > FILE at the end",
    "models show bark --size 64": NO + "--size: leave it out",
    "video bark a.mp4 -o b.mp4 --fps 5": NO + "--fps: a clip keeps its own times",
    "apply classics": "INPUT is missing: stylize apply MODEL INPUT...; see stylize apply --help",
    "blend": "MODEL is missing: stylize blend MODEL INPUT; see stylize blend --help",
    "video classics": "CLIP is missing: stylize video MODEL CLIP... -o PATH; see stylize video",
    "video classics a.mp4": "--output is missing: stylize video MODEL CLIP... -o PATH",
    "apply classics photo.png --style": "--style needs a value behind it",
    "help": "there is no command 'help': write stylize --help",
    "styles": "there is no command 'styles': write stylize models show classics; see ",
    "upscale photo.png": "there is no command 'upscale': write stylize apply sr4 PHOTO",
    "-V": NO + "-V: use --version",
    f"{RUN} -s klimt-kiss": NO + "-s: use --style",
    "optimize photo.png": "give a photo and at least one style, in this order",
    # values
    f"{PAIR} --size 0": "--size takes 16 or more; see stylize optimize --help",
    f"{PAIR} --size 60%": "--size takes a whole number, without a unit; see stylize optimize",
    f"{PAIR} --size 512px": "--size takes a whole number, without a unit: write 512; see",
    f"{PAIR} --size 1e3": "--size takes a whole number, without a unit: write 1000; see",
    f"{PAIR} --size 1080x1920": "--size takes a whole number, without a unit: write 1920; see",
    f"{PAIR} --quality 95%": "--quality takes a whole number, without a unit: write 95; see",
    f"{PAIR} --balance 150%": "--balance takes 1 or less; see",
    "video bark a.mp4 -o b.mp4 --codec h265": "--codec takes one of 'h264', 'hevc', 'vp9', not "
    "'h265': did you mean hevc?",
    "train --method Johnson": "--method takes one of 'auto', 'perceptual', 'conditional', "
    "'texture', 'texture-style', 'super-resolution', not 'Johnson': did you mean perceptual?",
    f"{PAIR} --quality 101": "--quality takes 100 or less",
    f"{RUN} --style klimt-kiss --strength nan": "--strength takes a number, and nan is none; see",
    "train --style style.png --minutes NaN": "--minutes takes a number, and NaN is none; see",
    "video bark a.mp4 -o b.mp4 --size 3": "--size takes 16 or more; see stylize video --help",
    # typeset, or slipped
    f"{RUN} –style klimt-kiss": "–style has the wrong dashes: write --style",
    f"{RUN} —style=klimt-kiss": "—style has the wrong dashes: write --style",
    f"{RUN} -style klimt-kiss": "-style has the wrong dashes: write --style",
    f"{PAIR} –o a.png": "–o has the wrong dashes: write -o",
    f"{RUN} --style “klimt-kiss”": "“klimt-kiss” begins with a curly quote: write a straight one",
    f"{RUN} --style „klimt kiss“": "„klimt begins with a curly quote: write a straight one",
    f"{RUN} --style --size 64": "--style needs a value behind it",
    f"{RUN} --style= --size 64": "--style is empty: give it a value, or leave it out; a variable",
    f"{PAIR} --balance x": "--balance takes a number, without a unit",
    f"{PAIR} --preset fast": "--preset takes one of 'default', 'paper', 'notebook', "
    "'neighbours', not 'fast'; see",
    f"{PAIR} --preset neighbors": "--preset takes one of 'default', 'paper', 'notebook', "
    "'neighbours', not 'neighbors': did you mean neighbours?",
    f"{PAIR} --init random": "--init takes content, noise or a picture's file, not 'random'",
    f"{PAIR} --memory 4": "--memory 4 has no unit: write 4GB",
    f"{PAIR} --memory lots": "'lots' is not an amount of memory; write it like 4GB or 800MB",
    f"{PAIR} --color-by covariance": "--color-by says how --preserve-color keeps them: give both",
    f"{PAIR} --style-blend 1,2": "--style-blend has 2 shares for 1 style: give one for each",
    f"{RUN} --style klimt-kiss --strength 60": "--strength takes 1 or less",
    f"{RUN} --style klimt-kiss --overwrite --skip-existing": "--skip-existing keeps what",
    f"{PAIR} --content-weight inf": "--content-weight inf will not do: it must be at least 0",
    "train --style style.png --minutes 0.001": "--minutes 0.001 will not do: it must be from 0.01",
    "train --style style.png --batch-size 99999": "--batch-size 99999 will not do: it must be from",
    "texture bark --size big": "--size 'big' is no size: write 1024, or 1920x1080",
    # files
    f"{PAIR} -o a.gif": "cannot write a.gif: its name must end in one of .png, .jpg, .jpeg, ",
    f"{PAIR} -o photo.png": "photo.png is an input and would be overwritten",
    f"{RUN} --style folder": "folder is a folder: name an image file in it",
    "apply folder photo.png": "folder is a folder: name a model file in it",
    "optimize photo.png http://a.org/b.jpg": "http://a.org/b.jpg is an address: download it first",
    "train --style style.png --dataset photo.png": "photo.png is a file, no folder: give --dataset",
    r"optimize C:\Users\me\a.jpg style.png": r"C:\Users\me\a.jpg is a path of Windows: in WSL, "
    "write /mnt/c/Users/me/a.jpg",
    "optimize foto.png style.png": "there is no file foto.png: did you mean photo.png?",
}


@pytest.mark.usefixtures("loaded", "photo", "style")
@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_told_with_its_fix(stylize, tmp_path, home, line):
    def files():  # but for the cache
        return sorted(file for file in tmp_path.rglob("*") if home not in (file, *file.parents))

    (tmp_path / "folder").mkdir()
    before = files()
    ran = stylize(*line.split())
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.count("\n") == 1
    assert ran.err.startswith(f"error: {MISTAKES[line]}")
    assert files() == before


@pytest.mark.usefixtures("loaded", "photo", "style")
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["apply", "classics", "photo.png", "--style", ""], "--style"),
        (["apply", "classics", ""], "an argument"),
        (["apply", "classics", "photo.png", "-o", ""], "-o"),
        (["optimize", "photo.png", "--overwrite", ""], "an argument"),
        (["optimize", "photo.png", "--", ""], "an argument"),
        (["train", "--style", "style.png", "--dataset", ""], "--dataset"),  # not all that is here
        (["models", "show", "classics", "--photo", ""], "--photo"),
        (["info", ""], "an argument"),
    ],
)
def test_a_variable_that_is_unset_is_no_value(refused, words, what):
    assert refused(*words).startswith(f"{what} is empty: give it a value, or leave it out; a ")


@pytest.mark.parametrize("name", ["–style", "“sea”", "“sea"])
def test_a_file_may_be_called_as_if_it_was_typeset(stylize, photo, tmp_path, name):
    photo.rename(tmp_path / f"{name}")
    assert stylize("evaluate", "--content", name, name).code == 0


@pytest.mark.parametrize("name", ["-dash.jpg", "--dash.jpg"])
def test_a_file_that_looks_like_an_option_is_told_how_to_be_written(refused, photo, tmp_path, name):
    photo.rename(tmp_path / name)
    said = refused("apply", "classics", name, "--style", "klimt-kiss")
    assert said.endswith(f"{name} looks like an option: write ./{name}; see stylize apply --help")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("klimt-kiss", "klimt-kiss"),
        ("Klimt Kiss", "klimt-kiss"),
        ("starry_night", "vangogh-starry-night"),
        ("monet", None),  # of two
        ("star", None),  # no whole word
        ("de", None),  # a word, and too short to mean anything
        ("", None),
        ("van gogh", "vangogh-starry-night"),
        ("dusk", "dusk"),  # itself, though another holds it
    ],
)
def test_a_name_means_what_it_can_only_mean(name, found):
    known = ["klimt-kiss", "vangogh-starry-night", "monet-lilies", "monet-dusk", "dusk", "vue-de-l"]
    assert names.meant(name, known) == found


@pytest.mark.parametrize("command", ["", "models"])
def test_help_cuts_no_summary_at_80_columns(stylize, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    ran = stylize(*command.split(), "-h")
    listed = ran.out.decode().partition("Commands:")[2]
    summaries = re.findall(r"^  [a-z]+ +(\S.*)$", listed.partition("\n\n")[0], re.MULTILINE)
    assert len(summaries) >= 4
    assert all(line.endswith(".") and not line.endswith("...") for line in summaries)


def test_short_help_is_help(stylize):
    assert stylize("optimize", "-h") == stylize("optimize", "--help")
