import os

import pytest

from stylize_cli import __main__ as main


@pytest.fixture
def environment(monkeypatch):
    for name in main.WAITING:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_threads_soon_sleep():
    main.wait_asleep()
    assert os.environ["GOMP_SPINCOUNT"] == "1000"


@pytest.mark.parametrize("name", main.WAITING)
def test_who_has_said_how_threads_wait_is_obeyed(environment, name):
    environment.setenv(name, "1")
    main.wait_asleep()
    assert {key for key in main.WAITING if key in os.environ} == {name}
