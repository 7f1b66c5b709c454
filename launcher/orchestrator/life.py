"""What the loop knows of one instance. Only the loop changes it, and its phase only by `lifecycle.move`."""

from __future__ import annotations

from enum import StrEnum

from launcher.orchestrator.launches import ready_timeout_of
from launcher.orchestrator.lifecycle import ALIVE, Phase
from launcher.orchestrator.restart import Tally
from launcher.orchestrator.snapshot import Health, InstanceView, Reason
from launcher.plan.model import Instance
from launcher.plan.placement import host_name
from launcher.profile.model import Health as Check
from launcher.profile.model import Service
from launcher.profile.prefixes import normal_prefix


class Wish(StrEnum):
    """What somebody wants of an instance; `bounce`: down as soon as its dependents are, then up again."""

    UP = "up"
    DOWN = "down"
    BOUNCE = "bounce"


class Life:
    """One instance: where it is, why, what is wanted of it, and what is remembered of its past.

    Times with a plain name are on the monotonic clock, those that end in `_wall` are for people.
    """

    __slots__ = (
        "by",
        "check",
        "exit_code",
        "failures",
        "felled",
        "generation",
        "health",
        "imported",
        "instance",
        "launched",
        "other",
        "phase",
        "pid",
        "ready_at",
        "ready_generation",
        "reason",
        "restarts",
        "service",
        "since_wall",
        "started_wall",
        "tally",
        "waits_for",
        "wanted_generation",
        "wish",
    )

    def __init__(self, instance: Instance, service: Service, now: float) -> None:
        self.instance = instance
        self.service = service
        self.phase = Phase.PENDING
        self.reason = Reason(text="not asked for")
        self.since_wall = now
        self.wish = Wish.DOWN
        self.by = ""
        self.generation = 0
        #: Another generation that has a process beside it: of a host that is exchanged, the next or the one before.
        self.other: int | None = None
        #: The generation at which it was last asked for: later ones are this wish's starts.
        self.wanted_generation = 0
        #: The last generation that became ready.
        self.ready_generation = 0
        self.pid: int | None = None
        self.launched = 0.0
        self.ready_at = 0.0
        self.started_wall: float | None = None
        self.exit_code: int | None = None
        self.tally = Tally()
        self.restarts = 0
        self.check: Check | None = None
        self.health: Health | None = None
        self.imported: float | None = None
        self.failures = 0
        #: When it took its host along.
        self.felled: tuple[float, ...] = ()
        self.waits_for: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.instance.name

    @property
    def label(self) -> str:
        return self.instance.label

    @property
    def spawned(self) -> bool:
        return self.pid is not None

    @property
    def wanted(self) -> bool:
        return self.wish is Wish.UP

    @property
    def doomed(self) -> bool:
        return self.wish is Wish.DOWN

    @property
    def wanted_as(self) -> str:
        """The wish as others may see it: an instance that bounces is wanted up."""
        return "down" if self.doomed else "up"

    @property
    def has_run(self) -> bool:
        """Whether a process of the present wish has ended."""
        return self.generation > self.wanted_generation and self.exit_code is not None

    @property
    def is_alive(self) -> bool:
        return self.phase in ALIVE

    @property
    def launched_yet(self) -> bool:
        """Whether it was started since it was asked for."""
        return self.generation > self.wanted_generation

    @property
    def proved(self) -> bool:
        """Whether it has been ready since it was asked for: what comes now is no start-up any more."""
        return self.ready_generation > self.wanted_generation

    @property
    def ready_timeout(self) -> float | None:
        """The deadline of its gate in seconds."""
        return ready_timeout_of(self.service)

    @property
    def check_shown(self) -> str:
        """Its check for people, as the profile has it: what was filled in may be secret."""
        return self.service.check or ("its host's report" if self.service.app is not None else "")

    def view(self) -> InstanceView:
        """The instance as others may see it."""
        port = self.instance.port
        service = self.service
        speaks_http = service.app is not None or (service.health is not None and service.health.http is not None)
        return InstanceView(
            name=self.name,
            service=self.instance.service,
            label=self.label,
            state=self.phase.state,
            reason=self.reason,
            since=self.since_wall,
            generation=self.generation,
            restarts=self.restarts,
            wish=self.wanted_as,
            pid=self.pid,
            host=host_name(self.instance.group) if self.instance.is_component else "",
            started=self.started_wall,
            port=port,
            url=f"http://127.0.0.1:{port}{normal_prefix(service.prefix or '')}" if port and speaks_http else "",
            exit_code=self.exit_code,
            check=self.check_shown,
            health=self.health,
            waits_for=self.waits_for if self.phase is Phase.WAITING else (),
        )
