"""The line protocol: every request and every answer, as frozen values that are one JSON object a line.

A conversation is one request, any number of answers, and one last answer whose type the request names (`ends_with`);
then the connection may carry the next request. This is the only place that knows the form on the wire: the server, the
client and the commands speak in these values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from msgspec import DecodeError, Meta, Struct, json

from launcher.errors import CATALOGUE, BadRequest, LauncherError, ProblemsFound
from launcher.observe.timeline import Timeline
from launcher.orchestrator.snapshot import Changed, Noted, Snapshot

if TYPE_CHECKING:
    from launcher.orchestrator.events import Outcome

#: A request longer than this is refused: nobody types it, and the server keeps it in memory.
LONGEST_REQUEST: Final = 64 * 1024


# Answers -------------------------------------------------------------------------------------------------------


class Answer(Struct, frozen=True, kw_only=True, tag_field="say"):
    """What the launcher says; `say` on the wire tells which kind."""


class Pong(Answer, frozen=True, kw_only=True, tag="pong"):
    """I am here."""

    pid: int
    version: str


class Now(Answer, frozen=True, kw_only=True, tag="now"):
    """Everything as it is now."""

    snapshot: Snapshot


class Timed(Answer, frozen=True, kw_only=True, tag="timed"):
    """The last start-up."""

    timeline: Timeline


class Moved(Answer, frozen=True, kw_only=True, tag="moved"):
    """Progress: an instance changed its state."""

    news: Changed


class Told(Answer, frozen=True, kw_only=True, tag="told"):
    """Progress: a line of the launcher's own."""

    news: Noted


class Output(Answer, frozen=True, kw_only=True, tag="output"):
    """Whole lines that an instance printed, at one time; bytes that are no UTF-8 have been replaced."""

    instance: str
    label: str
    text: str
    at: float


class Missed(Answer, frozen=True, kw_only=True, tag="missed"):
    """So many lines of output came faster than they were read, and are in the log files only."""

    lines: int


class Problem(Struct, frozen=True, kw_only=True):
    """A `LauncherError` as it travels."""

    code: int
    sentence: str
    where: str = ""
    remedy: str = ""


class Done(Answer, frozen=True, kw_only=True, tag="done"):
    """The command has ended: in this state, never merely "accepted"."""

    ok: bool
    lines: tuple[str, ...] = ()
    status: int = 0
    problems: tuple[Problem, ...] = ()


class Ended(Answer, frozen=True, kw_only=True, tag="ended"):
    """The output followed has ended, because the launcher ends."""


AnyAnswer = Pong | Now | Timed | Moved | Told | Output | Missed | Done | Ended


# Requests ------------------------------------------------------------------------------------------------------


class Request(Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """What is asked; `do` on the wire tells which kind."""

    #: The type of the answer that ends the conversation.
    ends_with: ClassVar[type[Answer]] = Done


class Ping(Request, frozen=True, kw_only=True, tag="ping"):
    """Ask whether it is there."""

    ends_with: ClassVar[type[Answer]] = Pong


class Status(Request, frozen=True, kw_only=True, tag="status"):
    """Ask how everything is."""

    ends_with: ClassVar[type[Answer]] = Now


class LastStart(Request, frozen=True, kw_only=True, tag="timeline"):
    """Ask how the last start-up went."""

    ends_with: ClassVar[type[Answer]] = Timed


class Start(Request, frozen=True, kw_only=True, tag="start"):
    """Start `services` (none: all) and what they depend on.

    `named`: a completed task among them runs again. `follow`: send the output too, before the outcome and after it,
    until the launcher ends (`Ended`) or the asker leaves.
    """

    services: tuple[str, ...] = ()
    named: bool = False
    follow: bool = False
    by: str = ""


class Stop(Request, frozen=True, kw_only=True, tag="stop"):
    """Stop these services; the launcher goes on."""

    services: tuple[str, ...]
    by: str = ""


class Restart(Request, frozen=True, kw_only=True, tag="restart"):
    """Stop and start `services` (none: all); `force`: whatever their gates say."""

    services: tuple[str, ...] = ()
    force: bool = False
    by: str = ""


class Shutdown(Request, frozen=True, kw_only=True, tag="shutdown"):
    """Stop everything, and end."""

    by: str = ""


class Wait(Request, frozen=True, kw_only=True, tag="wait"):
    """Say when `services` (none: all) are ready or completed, or never will be; at the latest after `timeout` s."""

    services: tuple[str, ...] = ()
    timeout: Annotated[float, Meta(ge=0)] | None = None


class Logs(Request, frozen=True, kw_only=True, tag="logs"):
    """Send the output of `services` (none: all) from now on. What was printed before is in the log files."""

    ends_with: ClassVar[type[Answer]] = Ended

    services: tuple[str, ...] = ()


AnyRequest = Ping | Status | LastStart | Start | Stop | Restart | Shutdown | Wait | Logs

_encoder = json.Encoder()
_requests: json.Decoder[AnyRequest] = json.Decoder(AnyRequest)
_answers: json.Decoder[AnyAnswer] = json.Decoder(AnyAnswer)


def encode(message: Request | Answer) -> bytes:
    """One line, newline included; JSON escapes every newline within."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> AnyRequest:
    """The request in a line, or BadRequest with what is wrong about it."""
    try:
        return _requests.decode(line)
    except (DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"request not understood: {problem}") from problem


def decode_answer(line: bytes) -> AnyAnswer:
    """The answer in a line, or BadRequest: then the launcher speaks another version of this protocol."""
    try:
        return _answers.decode(line)
    except (DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"the running launcher's answer is not understood: {problem}") from problem


def is_last(request: Request, answer: Answer) -> bool:
    """Whether `answer` ends the conversation that `request` began."""
    if isinstance(request, Start) and request.follow:
        return isinstance(answer, Ended)
    if isinstance(answer, Done) and not answer.ok:
        return True  # a refusal ends any conversation
    return isinstance(answer, request.ends_with)


# Errors and outcomes -------------------------------------------------------------------------------------------


def problems_of(error: LauncherError | None) -> tuple[Problem, ...]:
    """An error, or each of several, in the form that travels."""
    if error is None:
        return ()
    if isinstance(error, ProblemsFound):
        return tuple(problem for each in error.problems for problem in problems_of(each))
    return (Problem(code=error.code, sentence=error.sentence, where=error.where, remedy=error.remedy),)


def error_of(done: Done) -> LauncherError | None:
    """The error that a command ended with, of its own class again."""
    errors = [
        CATALOGUE.get(problem.code, LauncherError)(problem.sentence, where=problem.where, remedy=problem.remedy)
        for problem in done.problems
    ]
    if len(errors) > 1:
        return ProblemsFound(errors)
    return errors[0] if errors else None


def done_of(outcome: Outcome) -> Done:
    """A command's outcome in the form that travels; a failure never has status 0."""
    status = outcome.status
    if not outcome.ok and status == 0:
        status = outcome.error.status if outcome.error is not None else 1
    return Done(ok=outcome.ok, lines=outcome.lines, status=status, problems=problems_of(outcome.error))


def refusal(error: LauncherError) -> Done:
    """The end of a conversation that came to nothing."""
    return Done(ok=False, status=error.status, problems=problems_of(error))
