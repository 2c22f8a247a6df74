"""`python -m stylize_cli` is `stylize`."""

from stylize_cli.cli.app import run

run()
