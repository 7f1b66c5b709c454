"""Notices: somebody is told of a change, by a command or by a URL; one at a time, tried again, never waited for.

A thread of its own reads the journal and delivers. What cannot be delivered in time is counted and said. Knows which
changes count and how to go on after a failure; how a notice is delivered is `Deliver`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, json

from launcher.observe.cursor import Cursor
from launcher.observe.history.record import LONGEST, Mode, mode_after
from launcher.observe.journal import Journal
from launcher.orchestrator.snapshot import Changed, State
from launcher.profile.model import Notice

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Children

#: How many notices wait while one is being delivered.
MOST = 100
#: How often one is tried, and the first wait between two tries, in seconds; each further one is twice as long.
TRIES, SOON = 5, 1.0
#: What the reason of an open circuit has in it (`orchestrator.reactions`).
_CIRCUIT = "circuit open"
_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT, _SERVER_ERRORS = 429, 408, 500


class Message(Struct, frozen=True, kw_only=True):
    """A notice as it is sent."""

    event: Notice
    profile: str
    project: str
    service: str
    instance: str
    label: str
    generation: int
    before: State
    state: State
    reason: str
    causes: tuple[str, ...]
    at: float
    exit_code: int | None
    pid: int | None


class Undelivered(Exception):
    """A notice was not taken; `lasting`: and will not be."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


#: Delivers a notice, or raises Undelivered; may take its time.
Deliver = Callable[[Message], None]


class Notifier:
    """Tells of the changes in `wanted`: `run` does until some other thread calls `stop`.

    `make` gives the delivery when there is something to deliver.
    """

    def __init__(
        self,
        journal: Journal,
        wanted: Iterable[Notice],
        make: Callable[[], Deliver],
        *,
        profile: str,
        project: str,
        note: Callable[[str], None],
        redact: Callable[[str], str] = str,
        soon: float = SOON,
        most: int = MOST,
    ) -> None:
        self._cursor = Cursor(journal)
        self._wanted = frozenset(wanted)
        self._make = make
        self._deliver: Deliver | None = None
        self._profile = profile
        self._project = project
        self._note = note
        self._redact = redact
        self._soon = soon
        self._waiting: deque[Message] = deque(maxlen=most)
        self._modes: dict[str, Mode] = {}
        self._dropped = 0
        self._closing = threading.Event()

    def stop(self) -> None:
        """Try what waits once more and end; to be called when nothing will change any more."""
        self._closing.set()
        self._cursor.wake()

    def run(self) -> None:
        """Carry on until `stop`."""
        closing = False
        while not closing:
            self._cursor.wait(None)
            closing = self._closing.is_set()
            self._take()
            while self._waiting:
                self._tell(self._waiting.popleft())
                self._take()
            if self._dropped:
                self._note(f"notices: {self._dropped} were dropped: more came than could be delivered")
                self._dropped = 0
        self._cursor.leave()

    def _take(self) -> None:
        entries, missed = self._cursor.take()
        self._dropped += missed
        for entry in entries:
            if isinstance(entry.news, Changed) and entry.news.is_move:
                event = self._event_of(entry.news)
                if event is not None:
                    self._dropped += len(self._waiting) == self._waiting.maxlen
                    self._waiting.append(self._message(event, entry.news))

    def _event_of(self, news: Changed) -> Notice | None:
        """What a change is to be told as, the most telling first."""
        before = self._modes.get(news.instance, Mode.AWAY)
        self._modes[news.instance] = mode_after(before, news.state)
        names: list[str] = [news.state.value]
        if news.state is State.READY and before is Mode.DOWN:
            names.insert(0, Notice.RECOVERED)
        if news.state is State.FAILED and _CIRCUIT in news.reason.text:
            names.insert(0, Notice.CIRCUIT)
        return next((Notice(name) for name in names if name in self._wanted), None)

    def _message(self, event: Notice, news: Changed) -> Message:
        return Message(
            event=event,
            profile=self._profile,
            project=self._project,
            service=news.service,
            instance=news.instance,
            label=news.label,
            generation=news.generation,
            before=news.before,
            state=news.state,
            reason=self._redact(news.reason.text)[:LONGEST],
            causes=news.reason.causes[:20],
            at=news.at,
            exit_code=news.exit_code,
            pid=news.pid,
        )

    def _tell(self, message: Message) -> None:
        wait, trouble = self._soon, ""
        for attempt in range(TRIES):
            if attempt and self._closing.wait(wait):
                break  # it was tried, and there is no time left
            wait = wait * 2 if attempt else wait
            try:
                if self._deliver is None:
                    self._deliver = self._make()
                self._deliver(message)
            except Undelivered as problem:
                trouble = str(problem)
                if problem.lasting:
                    break
            except Exception as problem:  # noqa: BLE001  (whatever a library raises: services go on)
                trouble = f"{type(problem).__name__}"
            else:
                return
        what = f"{message.label} {message.event}"
        self._note(f"notices: could not tell that {what}: {self._redact(trouble)}")


def by_command(
    children: Children, command: str, *, environ: Mapping[str, str], directory: str, timeout: float
) -> Deliver:
    """Delivery by a shell command: JSON on its standard input, the same in variables; taken when it exits with 0."""

    def deliver(message: Message) -> None:
        ended = threading.Event()
        answers: list[tuple[int | None, bytes]] = []

        def done(code: int | None, output: bytes) -> None:
            answers.append((code, output))
            ended.set()

        children.run(
            ("/bin/sh", "-c", command),
            env={**environ, **variables(message)},
            directory=directory,
            timeout=timeout,
            done=done,
            told=json.encode(message) + b"\n",
        )
        if not ended.wait(timeout + 5):
            raise Undelivered("the command was not run")
        code, output = answers[0]
        if code is None:
            raise Undelivered(f"the command took longer than {timeout:g} s")
        if code:
            last = output.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Undelivered(f"the command ended with code {code}" + (f": {last[:200]}" if last else ""))

    return deliver


def by_url(url: str, *, timeout: float) -> Deliver:
    """Delivery by POST; taken when the answer is 2xx. No sentence shows the address: its path may be a password."""
    import requests  # noqa: PLC0415  (60 ms and 10 MB, for those who have notices posted)

    session = requests.Session()
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]

    def deliver(message: Message) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "launcher"}
        try:
            # Not followed: a redirected POST becomes a GET, and what asks for it is no taker of notices.
            with session.post(
                url, data=json.encode(message), headers=headers, timeout=timeout, allow_redirects=False, stream=True
            ) as answer:
                status, ok = answer.status_code, answer.status_code // 100 == 2  # noqa: PLR2004  (2xx)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise Undelivered("the address is no URL", lasting=True) from error
        except requests.RequestException as error:
            raise Undelivered(f"{host} does not answer ({type(error).__name__})") from error
        if not ok:
            passing = status >= _SERVER_ERRORS or status in {_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT}
            raise Undelivered(f"{host} answered {status}", lasting=not passing)

    return deliver


def variables(message: Message) -> dict[str, str]:
    """A notice as variables, for a command of one line; a variable holds no NUL."""
    fields = {
        "EVENT": message.event.value,
        "PROFILE": message.profile,
        "PROJECT": message.project,
        "SERVICE": message.service,
        "INSTANCE": message.instance,
        "LABEL": message.label,
        "GENERATION": str(message.generation),
        "BEFORE": message.before.value,
        "STATE": message.state.value,
        "REASON": message.reason,
        "EXIT_CODE": "" if message.exit_code is None else str(message.exit_code),
        "AT": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(message.at)),
    }
    return {f"LAUNCHER_{name}": value.replace("\0", "") for name, value in fields.items()}
