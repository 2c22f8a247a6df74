"""The source distribution and the wheel: they build, install and run, without a network."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
NO_NETWORK = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def ran(*command, cwd, **environment):
    """What a command that must end well says on stdout; nothing of this checkout is on its path."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=clean | NO_NETWORK | environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(sdist, wheel), the wheel built of the sdist."""
    for module in ("build", "hatchling"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"no {module}: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("dist")
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The folder of a new environment that holds the wheel, and borrows what it depends on."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    ran(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        built[1],
        cwd=folder,
    )
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # A line of a .pth is a path alone: what is installed there for editing stays out of sight.
    (Path(paths["purelib"]) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_runs_in_a_clean_environment(installed, tmp_path):
    python, stylize = installed / "bin" / "python", installed / "bin" / "stylize"
    where = ran(python, "-c", "import stylize_cli; print(stylize_cli.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed)
    home = {"STYLIZE_HOME": str(tmp_path / "home"), "STYLIZE_OFFLINE": "1"}
    photo = ROOT / "examples" / "red-panda.jpg"
    run = ["apply", "classics", photo, "--style", "starry-night", "--size", 64, "-o", "a.png"]
    assert ran(stylize, *run, cwd=tmp_path, **home) == "a.png\n"
    assert (installed / "share" / "man" / "man1" / "stylize.1").is_file()
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.size) == 64
    # The bundled VGG-19 and the page's files are found too.
    style = ROOT / "examples" / "cafe-terrace-at-night.jpg"
    run = ["optimize", photo, style, "--size", 32, "--iterations", 1, "-o", "b.png"]
    assert ran(stylize, *run, cwd=tmp_path, **home) == "b.png\n"


def test_the_wheel_holds_all_that_the_package_has_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("stylize_cli/")}
        others = {name.partition("/")[0] for name in wheel.namelist()} - {"stylize_cli"}
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: nobody knows what belongs to the package")
    source = ROOT / "src"
    tracked = ran("git", "ls-files", "src/stylize_cli", cwd=ROOT).splitlines()
    new = ran("git", "ls-files", "--others", "--exclude-standard", "src/stylize_cli", cwd=ROOT)
    here = [Path(ROOT, name) for name in [*tracked, *new.splitlines()]]
    assert packed == {str(file.relative_to(source)) for file in here if file.exists()}
    assert "stylize_cli/py.typed" in packed
    assert len(others) == 2  # .dist-info and .data


def test_the_source_distribution_can_be_tested(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"README.md", "LICENSE", "docs/optimize.md", "tests/conftest.py"} <= names
    # Nothing that lies beside it, such as a picture that was made there.
    top = {name.partition("/")[0] for name in names} - {"PKG-INFO", ""}
    tracked = ran("git", "ls-files", cwd=ROOT).splitlines() if (ROOT / ".git").exists() else names
    assert top == {name.partition("/")[0] for name in tracked}


def test_no_python_is_declared_that_was_not_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    least = re.search(r"3\.\d+", project["requires-python"])[0]
    assert listed == [least]
    for page in ("README.md", "docs/index.md"):
        assert f"Python {least} or later" in (ROOT / page).read_text(encoding="utf-8")
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    steps = {
        step.get("uses", "").partition("@")[0]: step for step in release["jobs"]["build"]["steps"]
    }
    assert steps["actions/setup-python"]["with"]["python-version"] == least
    assert (ROOT / "Dockerfile").read_text(encoding="utf-8").count(f"python:{least}-slim") == 2


def test_the_container_has_a_torch_that_the_package_takes():
    """Another would be replaced, by one with CUDA."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = next(name for name in project["dependencies"] if name.startswith("torch"))
    assert f"pip install '{wanted}' " in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_job_that_publishes_may_ask_for_a_token():
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert release["permissions"] == {"contents": "read"}
    asking = [name for name, job in release["jobs"].items() if "permissions" in job]
    assert asking == ["publish"]
    assert release["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert release["jobs"]["publish"]["needs"] == "build"
