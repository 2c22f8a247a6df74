import os

import pytest

from stylize_cli import __main__ as main


@pytest.fixture
def environment(monkeypatch):
    for name in main.WAITING:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_threads_wait_asleep():
    main.wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("name", main.WAITING)
def test_who_has_said_how_threads_wait_is_obeyed(environment, name):
    environment.setenv(name, "1")
    main.wait_asleep()
    assert {key for key in main.WAITING if key in os.environ} == {name}
