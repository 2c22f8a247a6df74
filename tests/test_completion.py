"""What the shell offers after TAB, asked for as bash asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stylize_cli

ASK = """
import sys
from stylize_cli.cli import app
try:
    app.main()
finally:
    print(*sorted(sys.modules.keys() & {"torch", "PIL", "numpy", "rich"}), file=sys.stderr)
"""


@pytest.fixture
def offered(tmp_path, home):
    """offered(line) -> what bash is given for a line that ends where TAB is pressed."""
    (tmp_path / "clouds.pt").touch()
    (tmp_path / "clouds.jpg").touch()
    (tmp_path / "clips").mkdir()

    def ask(line):
        words = line.split(" ")
        ran = subprocess.run(
            [sys.executable, "-c", ASK],
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": str(Path(stylize_cli.__file__).parents[1]),
                "STYLIZE_HOME": str(home),
                "_STYLIZE_COMPLETE": "complete_bash",
                "COMP_WORDS": line.strip() if words[-1] == "" else line,
                "COMP_CWORD": str(len(words) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stderr.split() == []  # nothing heavy was imported
        return ran.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("stylize apply cl", ["classics", "clips/", "clouds.pt"]),
        ("stylize texture ba", ["bark"]),
        ("stylize models show so", []),
        ("stylize apply classics --style van", ["vangogh-starry-night",
            "vangogh-wheat-field-cypresses", "vangogh-self-straw-hat", "vangogh-olive-trees"]),
        ("stylize apply nothing --style van", []),
        ("stylize blend classics --grid klimt-kiss,mo", ["klimt-kiss,monet-water-lilies-1919",
            "klimt-kiss,mondrian-tableau", "klimt-kiss,monet-san-giorgio-dusk"]),
        ("stylize optimize --style-layers relu1_1,relu4_", [f"relu1_1,relu4_{n}" for n in "1234"]),
        ("stylize train --content-layer pool", [f"pool{n}" for n in "12345"]),
    ],
)  # fmt: skip
def test_names_are_offered(offered, line, names):
    assert sorted(offered(line)) == sorted(names)
