"""A batch of mixed files, some broken: the small one of `benchmarks/batch.py`."""

import subprocess
import sys
from pathlib import Path

import stylize_cli

pytest_plugins = ["nets"]

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "batch.py"


def test_a_batch_with_broken_files_ends_as_it_should_in_flat_memory(net, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(stylize_cli.__file__).parents[1]))
    model = str(net("johnson"))
    ran = subprocess.run(
        [sys.executable, BENCHMARK, "--count", "120", "--model", model],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "exit code 1; 120 lines of 120, 6 errors of 6\n114 pictures" in ran.stdout
