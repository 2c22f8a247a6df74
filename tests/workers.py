"""A cluster's worker, in the process of the test."""

import pytest

from stylize_cli.methods import farm
from stylize_cli.methods.painter import Painter, Place


@pytest.fixture
def here(monkeypatch):
    """Lets a worker in this process do what a cluster's would."""

    def run(job, orders, _address):
        for chunk in farm.chunks(orders):
            yield from Painter(job, Place(1, "cpu")).paint(chunk)

    monkeypatch.setattr(farm, "run", run)
