"""`launcher measure`: run a profile in each mode that it can, one after the other, and put the figures side by side.

Each run has a run folder of its own; the profile's own must not be up, since its services would run twice.
"""

from __future__ import annotations

import io
import signal
import sys
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

from msgspec import Struct, json
from msgspec.structs import replace

from launcher.cli.table import plain
from launcher.cli.trial import Figures, TrialFailed, measure
from launcher.errors import AlreadyRunning, LauncherError, ProblemsFound, Usage
from launcher.profile.model import Mode

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from launcher.cli.target import Target
    from launcher.engines.guard import Guard
    from launcher.plan.model import Plan


class Measured(Struct, frozen=True, kw_only=True):
    """What became of a mode: its figures; or the mode measured before that places everything alike; or why neither."""

    mode: str
    figures: Figures | None = None
    same_as: str = ""
    why: str = ""


def measure_modes(args: Namespace) -> int:
    """Measure, and print; 1 if a run failed. A mode that the profile does not allow is none."""
    from launcher.cli.target import target_of  # noqa: PLC0415
    from launcher.control.running import holder  # noqa: PLC0415
    from launcher.engines.guard import fork_guard  # noqa: PLC0415

    if args.timeout <= 0:
        raise Usage(f"--timeout {args.timeout:g}: expected a number of seconds above 0")
    target = target_of(args, args.words)
    if running := holder(target.folder):
        raise AlreadyRunning(
            f"{target.profile} runs already (pid {running.pid}), and would have to run a second time to be measured",
            remedy=f"Stop it first: launcher stop --profile {target.profile}.",
        )
    target.plan_of_named()  # what is wrong in every mode is an error of the command
    guard = fork_guard()
    guard.await_birth()
    try:
        with _ended_in_order():
            found, has_failed = _measure_each(target, args, guard)
    finally:
        guard.dismiss()
    if args.json:
        print(json.format(json.encode({"profile": target.profile, "modes": found})).decode())
    else:
        print(_table(found))
    return 1 if has_failed else 0


def _measure_each(target: Target, args: Namespace, guard: Guard) -> tuple[list[Measured], bool]:
    found: list[Measured] = []
    seen: dict[frozenset[tuple[str, str, str]], str] = {}
    has_failed = False
    for mode in Mode:
        measured = Measured(mode=mode)
        try:
            plan = _plan_in(mode, args)
        except LauncherError as error:
            found.append(replace(measured, why=_first(error)))
            continue
        places = frozenset((one.name, one.engine, one.group) for one in plan.instances.values())
        if places in seen:
            found.append(replace(measured, same_as=seen[places]))
            continue
        seen[places] = mode
        print(f"measuring {target.profile} with mode {mode}", file=sys.stderr)
        try:
            figures = measure(_words(target, args, mode), paths_of(plan), guard, timeout=args.timeout)
            found.append(replace(measured, figures=figures))
        except TrialFailed as failure:
            found.append(replace(measured, why=str(failure)))
            has_failed = True
    return found, has_failed


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """What ends this process lets it stop what it has started, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)


def _plan_in(mode: Mode, args: Namespace) -> Plan:
    from argparse import Namespace  # noqa: PLC0415

    from launcher.cli.target import target_of  # noqa: PLC0415

    asked = Namespace(**{**vars(args), "set": [*(args.set or ()), *_sets(mode)]})
    with redirect_stderr(io.StringIO()):  # its warnings have been told once
        return target_of(asked, args.words).plan_of_named()


def _sets(mode: Mode) -> tuple[str, ...]:
    # What happens in a run is nothing for the history that a Redis keeps of the profile.
    return (f"launcher.mode={mode}", "launcher.engine=local", "launcher.history.store=")


def _words(target: Target, args: Namespace, mode: Mode) -> list[str]:
    """The words after `start` that mean the same profile, in this mode."""
    given = {"-C": args.directory, "-d": args.app_root, "-e": args.env, "-f": args.procfile}
    words = [word for flag, value in given.items() if value for word in (flag, value)]
    if not target.loaded.profile.procfile:
        words += ["--profile", target.profile]
    words += [word for text in (*(args.set or ()), *_sets(mode)) for word in ("--set", text)]
    return [*words, *(["--services", ",".join(target.named_services)] if target.named else [])]


def paths_of(plan: Plan) -> dict[str, str]:
    """Where each service that speaks HTTP is asked: where its health is, or at `/`."""
    found = {}
    for name, service in plan.services.items():
        http = (service.health.http if service.health is not None else None) or ""
        if http.startswith("/") and "$" not in http:
            found[name] = service.asked_at(http)
        elif service.app is not None:
            found[name] = service.asked_at("/")
    return found


def _first(error: LauncherError) -> str:
    first = error.problems[0] if isinstance(error, ProblemsFound) else error
    return f"E{first.code} {first}"


def _table(found: Sequence[Measured]) -> str:
    kind = next((one.figures.memory_kind.upper() for one in found if one.figures is not None), "")
    memory = f"memory ({kind})" if kind else "memory"
    headings = ("mode", "start-up", "CPU", memory, "processes", "latency", "p99", "")
    rows = [_row(one) for one in found]
    return "\n".join(line.rstrip() for line in plain(rows, headings).splitlines())


def _row(one: Measured) -> list[str]:
    if one.figures is None:
        return [one.mode, *[""] * 6, f"places all as {one.same_as} does" if one.same_as else one.why]
    figures = one.figures
    return [
        one.mode,
        f"{figures.start_up:.2f} s",
        f"{figures.cpu:.2f} s",
        f"{figures.memory / 1e6:.0f} MB",
        str(figures.processes),
        _milliseconds(figures.latency),
        _milliseconds(figures.latency_p99),
        "",
    ]


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.2f} ms"
