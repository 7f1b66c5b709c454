"""What a transition asks to be done: imperative values that the lifecycle returns and the loop performs.

The lifecycle knows only these names; how a launch is built or a timer kept is the loop's business.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from launcher.orchestrator.events import TimerKind


class Do(StrEnum):
    """The effects that need nothing but the instance."""

    #: Begin a new generation: build the launch, begin its checks, hand it to the engine.
    LAUNCH = "launch"
    #: Begin a new generation beside the one that runs, which goes on until the new one is ready.
    RENEW = "renew"
    #: Begin the checks of a process that runs already.
    WATCH = "watch"
    UNWATCH = "unwatch"
    #: Ask the process to end (`stop.signal` or `stop.command`).
    ASK = "ask"
    KILL = "kill"
    #: Close the sockets held for the instance.
    RELEASE = "release"


class Arm(Struct, frozen=True):
    """Start a timer; how long it runs follows from the service and its failures."""

    timer: TimerKind


Effect = Do | Arm
