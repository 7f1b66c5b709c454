"""For tests, ours and yours: a fake engine, clock, prober and world, and a player for the real loop.

    rehearsal = Rehearsal({"db": {"command": "db", "health": {"notify": True}}, "api": {..., "depends_on": {"db": {}}}})
    rehearsal.start()
    rehearsal.passes("db")
    assert rehearsal.state("api") is State.READY

Everything is deterministic: time moves by `advance`, processes live and die as told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import Any

import msgspec

from launcher.orchestrator.events import (
    CheckAsked,
    Checked,
    NotRenewed,
    Outcome,
    Probed,
    RestartAsked,
    Signalled,
    StartAsked,
    StopAsked,
    Verdict,
    WaitAsked,
)
from launcher.orchestrator.loop import Loop
from launcher.orchestrator.orders import Can, Run, Watch
from launcher.orchestrator.snapshot import Changed, InstanceView, Noted, State
from launcher.orchestrator.state import Memory
from launcher.plan.build import build
from launcher.profile.model import EngineName, Health, Kind, Policy, Profile, Service, Settings
from launcher.testing.engines import FakeEngine, FakeMergedEngine

__all__ = [
    "FakeClock",
    "FakeEngine",
    "FakeMergedEngine",
    "FakeProber",
    "FakeRedaction",
    "FakeStore",
    "FakeWorld",
    "Rehearsal",
    "profile_of",
]


class FakeClock:
    """A clock that stands still until it is told to go on. The wall clock is the other one plus a million."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time + 1_000_000


class FakeWorld:
    """An environment that is empty at first, no env files, and an interpreter called python."""

    def __init__(self) -> None:
        self.inherited: dict[str, str] = {}

    def environ(self) -> Mapping[str, str]:
        return self.inherited

    def env_file(self, path: str) -> Mapping[str, str]:  # noqa: ARG002  (the protocol's)
        return {}

    def run_folder(self) -> str:
        return "/run"

    def python_for(self, named: str | None) -> str:
        return named or "python"


class FakeStore:
    """Keeps the last text it was given."""

    def __init__(self) -> None:
        self.text = b""

    def save(self, text: bytes) -> None:
        self.text = text


class FakeProber:
    """Remembers what is watched; verdicts are posted by the test."""

    def __init__(self) -> None:
        self.watched: dict[str, int] = {}
        self.prepared: list[Run] = []
        #: The instances that a command had checked, and whether they can be.
        self.asked: list[str] = []
        self.can_be_asked = True

    def prepare(self, run: Run, health: Health, *, user: str = "", hosted: bool = False) -> Mapping[str, str]:  # noqa: ARG002  (the protocol's)
        self.prepared.append(run)
        of = f"/{user}" if user else ""
        return {"NOTIFY_SOCKET": f"/fake{of}/{run.instance}.{run.generation}"} if health.notify else {}

    def watch(self, watch: Watch) -> None:
        self.watched[watch.run.instance] = watch.run.generation

    def unwatch(self, run: Run) -> None:
        if self.watched.get(run.instance) == run.generation:
            del self.watched[run.instance]

    def check(self, run: Run) -> bool:
        self.asked.append(run.instance)
        return self.can_be_asked and self.watched.get(run.instance) == run.generation

    def close(self) -> None:
        self.watched.clear()


class FakeRedaction:
    """Hides what it was taught, whatever its length."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def learn(self, secrets: Iterable[str]) -> None:
        self.known.update(secrets)

    def text(self, text: str) -> str:
        for secret in self.known:
            text = text.replace(secret, "***")
        return text


def profile_of(services: Mapping[str, Mapping[str, Any]], *, procfile: bool = False, **settings: Any) -> Profile:
    """A Profile from plain dictionaries, with the defaults that depend on others filled in as loading does."""
    decoded = {name: msgspec.convert({"command": name, **table}, Service) for name, table in services.items()}
    for name, service in decoded.items():
        if service.restart.policy is None:
            policy = Policy.NO if service.kind is Kind.TASK else Policy.ON_FAILURE
            restart = msgspec.structs.replace(service.restart, policy=policy)
            decoded[name] = msgspec.structs.replace(service, restart=restart)
    return Profile(
        name="test",
        root="/project",
        settings=msgspec.convert(settings, Settings),
        env={},
        services=decoded,
        procfile=procfile,
    )


class Rehearsal:
    """The real loop with fakes around it, and a short language to move them.

    Services are named by their labels; `log` holds every transition as `api: waiting → starting`.
    """

    def __init__(
        self,
        services: Mapping[str, Mapping[str, Any]],
        *,
        memory: Memory | None = None,
        procfile: bool = False,
        **settings: Any,
    ) -> None:
        self.plan = build(profile_of(services, procfile=procfile, **settings), is_free=lambda _port: True)
        self.clock = FakeClock()
        self.engine = FakeEngine()
        #: What components of shared processes run on.
        self.merged = FakeMergedEngine(EngineName.MERGED, can=frozenset({Can.HOLD_SOCKETS}))
        #: What brings forked services about.
        self.forked = FakeEngine(EngineName.FORKED)
        self.prober = FakeProber()
        self.store = FakeStore()
        self.world = FakeWorld()
        self.log: list[str] = []
        self.notes: list[str] = []
        self.loop = Loop(
            self.plan,
            inbox=SimpleQueue(),
            engines={one.name: one for one in (self.engine, self.merged, self.forked)},
            prober=self.prober,
            clock=self.clock,
            world=self.world,
            store=self.store,
            chance=lambda: 0.0,
            redaction=FakeRedaction(),
            pid=1,
            memory=memory,
        )
        self.loop.subscribe(self._hear)
        self.loop.open(_Deaf())
        self.settle()

    def _hear(self, news: Changed | Noted) -> None:
        if isinstance(news, Noted):
            self.notes.append(news.text)
        elif news.before is not news.state:
            self.log.append(f"{news.label}: {news.before} → {news.state}")

    def settle(self) -> None:
        """Let the loop take everything there is to take now."""
        while self.loop.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass; timers run out in their order."""
        end = self.clock.time + seconds
        while (at := self.loop.stage.timers.next_at()) is not None and at <= end:
            self.clock.time = max(self.clock.time, at)
            self.settle()
        self.clock.time = end
        self.settle()

    def _ask(self, make: Callable[[Callable[[Outcome], None]], Any]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        self.loop.post(make(outcomes.append))
        self.settle()
        return outcomes

    def start(self, *services: str) -> list[Outcome]:
        """Ask for a start; the list gets the outcome when there is one."""
        return self._ask(lambda reply: StartAsked(services=services, by="asked for", named=bool(services), reply=reply))

    def stop(self, *services: str) -> list[Outcome]:
        return self._ask(lambda reply: StopAsked(services=services, by="stopped by command", reply=reply))

    def restart(self, *services: str, force: bool = False) -> list[Outcome]:
        return self._ask(
            lambda reply: RestartAsked(services=services, by="restarted by command", force=force, reply=reply)
        )

    def check(self, *services: str) -> list[Outcome]:
        return self._ask(lambda reply: CheckAsked(services=services, reply=reply))

    def checked(self, label: str, verdict: Verdict) -> None:
        """What a command had checked has answered."""
        view = self.view(label)
        self.loop.post(Checked(view.name, view.generation, verdict))
        self.settle()

    def wait(self, *services: str) -> list[Outcome]:
        return self._ask(lambda reply: WaitAsked(services=services, reply=reply))

    def signal(self, number: int) -> None:
        self.loop.post(Signalled(number))
        self.settle()

    def passes(self, label: str, answer: str = "HTTP 200") -> None:
        """A check of the instance succeeds."""
        self._probe(label, Verdict(ok=True, answer=answer))

    def fails(self, label: str, answer: str = "HTTP 503") -> None:
        """A check of the instance fails."""
        self._probe(label, Verdict(ok=False, answer=answer))

    def _probe(self, label: str, verdict: Verdict) -> None:
        view = self.view(label)
        self.loop.post(Probed(view.name, view.generation, verdict))
        self.settle()

    def exits(self, label: str, code: int = 1, *, because_of: str = "") -> None:
        """The process of the instance ends by itself; that of a host, because of a component, takes all with it."""
        name = self.view(label).name
        plan = self.loop.stage.plan
        one = plan.instances[name]
        {EngineName.MERGED: self.merged, EngineName.FORKED: self.forked}.get(one.engine, self.engine).end(name, code)
        cause = self.view(because_of).name if because_of else ""
        for component in plan.components_of(one.group) if one.is_host else ():
            if component.name in self.merged.running:
                self.merged.end(component.name, 1, cause=cause)
        self.settle()

    def rises(self, label: str) -> None:
        """An instance could serve in the new process of its host."""
        self.merged.rises(self.view(label).name)
        self.settle()

    def begins(self, label: str) -> None:
        """The new process of a host, beside the one that serves, is ready to be filled."""
        view = self.view(label)
        self.loop.post(Probed(view.name, view.generation + 1, Verdict(ok=True, answer="READY=1")))
        self.settle()

    def renews(self, label: str, how: str = "2 modules imported anew") -> None:
        """An instance has started anew beside itself."""
        self.merged.renewed(self.view(label).name, how)
        self.settle()

    def keeps(self, label: str, why: str, *, needs_process: bool = False) -> None:
        """An instance goes on, for its next generation could not start beside it."""
        view = self.view(label)
        self.loop.post(NotRenewed(view.name, view.generation, why, needs_process))
        self.settle()

    def view(self, label: str) -> InstanceView:
        (view,) = [one for one in self.loop.snapshot.instances if label in (one.label, one.name)]
        return view

    def state(self, label: str) -> State:
        return self.view(label).state

    def states(self) -> dict[str, str]:
        return {view.label: view.state.value for view in self.loop.snapshot.instances}


class _Deaf:
    """A sink that takes everything and keeps nothing."""

    def write(self, run: Run, data: bytes) -> bool:  # noqa: ARG002  (the protocol's)
        return True

    def end(self, run: Run) -> None:
        """Nothing is kept."""

    def on_room(self, wake: Callable[[], None]) -> None:
        """It is never full."""
