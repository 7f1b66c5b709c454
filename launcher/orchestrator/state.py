"""What outlives a launcher: `state.json` as typed values. Reading a damaged or older text gives None and the reason.

Pure: which file it is, and that a bad one is set aside, is the run folder's business.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from launcher.orchestrator.board import Board
from launcher.orchestrator.restart import Circuit

STATE_VERSION = 1


class Remembered(Struct, frozen=True, kw_only=True):
    """One instance: what was wanted of it, by whom and why; its last process; how its circuit stands.

    `failures` counts those within the window when this was written. `started` is on the wall clock.
    """

    wish: str
    by: str
    why: str
    state: str
    generation: int
    pid: int | None = None
    started: float | None = None
    port: int | None = None
    failures: int = 0
    circuit: Circuit = Circuit.CLOSED


class Memory(Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: int = STATE_VERSION
    profile: str
    pid: int
    written: float
    instances: dict[str, Remembered]
    #: Under which life of supervisord this was, where it was under one.
    supervisor: str = ""

    def ports(self, can_be_kept: Callable[[int, int | None], bool]) -> dict[str, int]:
        """The ports that the same instances have again: those which can be kept, by the number and the last process."""
        return {
            name: one.port
            for name, one in self.instances.items()
            if one.port is not None and can_be_kept(one.port, one.pid)
        }


def remember(board: Board, now_wall: float, *, supervisor: str = "") -> Memory:
    """The board as it should be read back."""
    return Memory(
        profile=board.plan.profile,
        pid=board.pid,
        written=now_wall,
        supervisor=supervisor,
        instances={
            life.name: Remembered(
                wish=life.wanted_as,
                by=life.by,
                why=life.reason.text,
                state=life.phase.value,
                generation=life.generation,
                pid=life.pid,
                started=life.started_wall,
                port=life.instance.port,
                failures=len(life.tally.failures),
                circuit=life.tally.circuit,
            )
            for life in board.lives.values()
        },
    )


def write(memory: Memory) -> bytes:
    """The text of the file."""
    return msgspec.json.encode(memory)


def read(text: bytes) -> Memory | str:
    """The memory in a text, or the reason why it holds none."""
    try:
        head = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        return f"it is damaged ({error})"
    version = head.get("version") if isinstance(head, dict) else None
    if version != STATE_VERSION:
        return f"it is of version {version}, not {STATE_VERSION}"
    try:
        return msgspec.convert(head, Memory)
    except msgspec.ValidationError as error:
        return f"it is damaged ({error})"
