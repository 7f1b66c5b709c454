"""What the launcher says of itself: a transition or a note becomes lines for people.

Pure. The wording of starts, stops and signals is honcho's, word for word; a bare Procfile (`procfile=True`) hears
nothing else, but of what cannot be started. The reason of `waiting` reads on after the name ("waits for db
(healthy)"), other reasons after a colon.
"""

from __future__ import annotations

from launcher.orchestrator.snapshot import Changed, Noted, State

#: States in which a process may exist; leaving them for another one with an exit code means that it has ended.
ALIVE = frozenset({State.STARTING, State.READY, State.UNHEALTHY, State.STOPPING})

_MINUTE = 60.0
_TEN_SECONDS = 10.0


def wording(
    news: Changed | Noted, *, since: float | None = None, signal: str | None = "TERM", procfile: bool = False
) -> tuple[str, ...]:
    """Say what happened, in no line, one or two.

    `since` is when the instance began to start, on the wall clock; `signal` is what it is stopped with, "" where that
    is a command, None where it isn't known. That a process was started is not told by a state but by a process id: see
    `started`.
    """
    if isinstance(news, Noted):
        return tuple(news.text.splitlines())
    honchos = _as_honcho(news, signal)
    # honcho has no words for a process that the system refuses to start: there it ends in a traceback.
    is_refused = news.state is State.FAILED and news.before is not State.FAILED and news.exit_code is None
    return honchos if procfile and not is_refused else honchos + _of_our_own(news, since)


def started(news: Changed) -> str:
    """Say that the process of an instance has been started."""
    return f"{news.label} started (pid={news.pid})"


def _as_honcho(news: Changed, signal: str | None) -> tuple[str, ...]:
    if news.state is State.STOPPING and news.before is not State.STOPPING and news.pid is not None:
        what = "stopping" if signal is None else f"sending SIG{signal} to" if signal else "running the stop command of"
        return (f"{what} {news.label} (pid {news.pid})",)
    if news.exit_code is not None and news.before in ALIVE and news.state not in ALIVE:
        return (f"{news.label} stopped (rc={news.exit_code})",)
    return ()


def _of_our_own(news: Changed, since: float | None) -> tuple[str, ...]:
    if news.state is news.before and news.state is not State.WAITING:
        return ()
    name = news.label
    match news.state:
        case State.WAITING if news.reason.causes:
            return (f"{name} {news.reason.text}",)
        case State.READY if news.before is State.UNHEALTHY:
            return (f"{name} healthy again",)
        case State.READY:
            return (f"{name} ready" if since is None else f"{name} ready after {duration(news.at - since)}",)
        case State.BACKOFF | State.UNHEALTHY | State.FAILED | State.SKIPPED:
            return (f"{name} {news.state}: {news.reason.text}" if news.reason.text else f"{name} {news.state}",)
        case _:
            return ()


def duration(seconds: float) -> str:
    """Say how long something took: `0.52 s`, `12.3 s`, `2 min 5 s`."""
    seconds = max(seconds, 0.0)
    if seconds < _TEN_SECONDS:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
