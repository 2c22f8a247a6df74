import os

import pytest

from stylize_cli import __main__ as main
from stylize_cli import waiting
from stylize_cli.cli import app


@pytest.fixture
def environment(monkeypatch):
    for name in waiting.SAID:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_threads_soon_sleep_and_others_are_told():
    assert waiting.said() == {}
    waiting.asleep()
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
    assert waiting.said() == {"GOMP_SPINCOUNT": "1000"}


@pytest.mark.parametrize("name", waiting.SAID)
def test_who_has_said_how_threads_wait_is_obeyed(environment, name):
    environment.setenv(name, "1")
    waiting.asleep()
    assert waiting.said() == {name: "1"}


def test_the_command_says_it_before_it_begins(environment):
    known = []
    environment.setattr(app, "run", lambda: known.append(waiting.said()))
    main.run()
    assert known == [{"GOMP_SPINCOUNT": "1000"}]
