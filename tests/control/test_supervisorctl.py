"""`supervisorctl wait` before there is an agent to ask; the rest is shown with the real supervisord, end to end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from launcher.control import supervisorctl, wire
from launcher.errors import NothingRunning


class Controller:
    """supervisorctl, with what supervisord says is wrong with its agent."""

    def __init__(self, trouble: str) -> None:
        self.exitstatus = 0
        self.said: list[str] = []
        self._told = {"trouble": trouble, "age": -1.0, "instances": {}}

    def output(self, text: str) -> None:
        self.said.append(text)

    def get_server_proxy(self, _namespace: str) -> SimpleNamespace:
        return SimpleNamespace(status=lambda: self._told)


class Coming:
    """An agent that answers from the third time on."""

    def __init__(self) -> None:
        self.asked = 0

    def status(self) -> None:
        self.asked += 1
        if self.asked < 3:
            raise NothingRunning("nobody listens")

    def wait(self, names: list[str]) -> list[wire.Done]:
        return [wire.Done(ok=True, lines=(f"{names[0]} is ready",))]


def waited(trouble: str) -> tuple[Controller, Coming]:
    controller, agent = Controller(trouble), Coming()
    plugin = supervisorctl.make(controller, "run")
    plugin._client = agent  # type: ignore[assignment]
    plugin.do_wait("web")
    return controller, agent


def test_an_agent_that_is_coming_up_is_waited_for() -> None:
    """As a script has it that starts supervisord in the background."""
    controller, agent = waited("")
    assert (controller.said, controller.exitstatus, agent.asked) == (["web is ready"], 0, 3)


def test_one_in_trouble_is_not() -> None:
    """What is wrong with it is told at once."""
    controller, agent = waited("the agent does not come up")
    assert agent.asked == 1
    assert controller.exitstatus == 3
    assert controller.said[:2] == ["E9001 nobody listens", "the agent does not come up"]


def test_it_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisorctl, "_COMING", -1.0)
    assert waited("")[1].asked == 1
