"""What travels between a running launcher and its clients, as frozen values: the one place that knows their form.

An answer is JSON; a stream is server-sent events, whose name is the value's `say`; an error is a problem after RFC
9457. Server, client, the OpenAPI document and docs/api.md are all made from these types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import DecodeError, Struct, convert, json

from launcher.errors import CATALOGUE, BadRequest, LauncherError, ProblemsFound
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import Changed, InstanceView, Noted, Snapshot

if TYPE_CHECKING:
    from launcher.engines.hostline import Measured

#: What a client that wants to see progress accepts.
EVENT_STREAM: Final = "text/event-stream"
#: RFC 9457.
PROBLEM: Final = "application/problem+json"


# Answers -------------------------------------------------------------------------------------------------------


class ServiceAnswer(Struct, frozen=True, kw_only=True):
    """One service: its instances as they are now."""

    service: str
    instances: tuple[InstanceView, ...]


class Component(Struct, frozen=True, kw_only=True):
    """What one component of a shared process has done since its first start there."""

    requests: int
    #: Answers of 500 and above.
    errors: int
    #: Requests that are not answered yet.
    under_way: int
    #: Seconds from a request to the end of its answer, on average.
    latency: float | None = None
    #: By how many seconds the event loop that it shares was late at worst in the last 10 s.
    lag: float


class Use(Struct, frozen=True, kw_only=True):
    """What a process and all its descendants use: processor seconds so far, bytes of memory now.

    Of a component, which shares its process: the seconds that its code has kept the event loop, and no memory.
    """

    cpu: float
    memory: int | None = None
    component: Component | None = None


def use_of(measured: Measured) -> Use:
    """What a host has measured of a component, as it is told on."""
    requests = measured.requests - measured.under_way
    return Use(
        cpu=measured.busy,
        component=Component(
            requests=measured.requests,
            errors=measured.errors,
            under_way=measured.under_way,
            latency=measured.seconds / requests if requests > 0 else None,
            lag=measured.lag,
        ),
    )


class UsageAnswer(Struct, frozen=True, kw_only=True):
    """What each instance that has a process uses, by name."""

    instances: dict[str, Use]


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """Whether all is well; `missing` are the instances that are not, each with its state and reason."""

    ok: bool
    level: str
    missing: tuple[str, ...] = ()


class Dependency(Struct, frozen=True, kw_only=True):
    """What a service waits for."""

    service: str
    condition: str
    required: bool
    on_loss: str


class Node(Struct, frozen=True, kw_only=True):
    """One service of the graph; those of layer 0 depend on nothing."""

    service: str
    layer: int
    depends_on: tuple[Dependency, ...]


class GraphAnswer(Struct, frozen=True, kw_only=True):
    """Who depends on whom, in the order of the layers."""

    services: tuple[Node, ...]


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """A command has ended, in this state: never merely "accepted". `status` is what a terminal command exits with."""

    ok: bool
    lines: tuple[str, ...] = ()
    status: int = 0
    instances: tuple[InstanceView, ...] = ()


class Fault(Struct, frozen=True, kw_only=True):
    """A `LauncherError` as it travels; `launcher explain CODE` tells more."""

    code: int
    sentence: str
    where: str = ""
    remedy: str = ""


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal, after RFC 9457: `status` is HTTP's, `exit_status` a terminal command's."""

    type: str
    title: str
    status: int
    detail: str
    code: int
    remedy: str = ""
    exit_status: int = 1
    faults: tuple[Fault, ...] = ()


# Streams -------------------------------------------------------------------------------------------------------


class Sent(Struct, frozen=True, kw_only=True, tag_field="say"):
    """One event of a stream."""


class Everything(Sent, frozen=True, kw_only=True, tag="snapshot"):
    """Everything as it is now: the first event, and again where some were missed."""

    snapshot: Snapshot


class Moved(Sent, frozen=True, kw_only=True, tag="changed"):
    """An instance changed its state, or its process became known."""

    news: Changed


class Told(Sent, frozen=True, kw_only=True, tag="noted"):
    """A line of the launcher's own."""

    news: Noted


class Output(Sent, frozen=True, kw_only=True, tag="output"):
    """Whole lines that an instance printed, at one time; bytes that are no UTF-8 have been replaced."""

    instance: str
    label: str
    text: str
    at: float


class Missed(Sent, frozen=True, kw_only=True, tag="missed"):
    """So many lines of output came faster than they were read, and are in the log files only."""

    lines: int


class Done(Sent, frozen=True, kw_only=True, tag="done"):
    """The command has ended: in this state, or with these faults, which are about the instance `culprit`."""

    ok: bool
    lines: tuple[str, ...] = ()
    status: int = 0
    culprit: str = ""
    faults: tuple[Fault, ...] = ()


class Ended(Sent, frozen=True, kw_only=True, tag="ended"):
    """The stream ends, because the launcher does."""


AnySent = Everything | Moved | Told | Output | Missed | Done | Ended

encode = json.Encoder().encode
_sent: json.Decoder[AnySent] = json.Decoder(AnySent)


def decode_sent(data: bytes) -> AnySent:
    """An event's data, or BadRequest: then the launcher speaks another version of this."""
    try:
        return _sent.decode(data)
    except (DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"the running launcher's answer is not understood: {problem}") from problem


def sent_of(news: Changed | Noted) -> Moved | Told:
    """A piece of news as it is sent."""
    return Moved(news=news) if isinstance(news, Changed) else Told(news=news)


# Errors and outcomes -------------------------------------------------------------------------------------------

#: HTTP's word for an error, by its code; by its range for all others.
_HTTP: Final = {
    2003: 404,
    2010: 409,
    4002: 504,
    9003: 503,
    9004: 400,
    9006: 400,
    9011: 401,
    9012: 403,
    9013: 404,
    9014: 405,
    9020: 503,
}
_HTTP_BY_RANGE: Final = {2: 409, 3: 409, 4: 409, 5: 409}


def faults_of(error: LauncherError | None) -> tuple[Fault, ...]:
    """An error, or each of several, in the form that travels."""
    if error is None:
        return ()
    if isinstance(error, ProblemsFound):
        return tuple(fault for each in error.problems for fault in faults_of(each))
    return (Fault(code=error.code, sentence=error.sentence, where=error.where, remedy=error.remedy),)


def error_of(faults: tuple[Fault, ...]) -> LauncherError | None:
    """The error that a command ended with, of its own class again."""
    errors = [
        CATALOGUE.get(fault.code, LauncherError)(fault.sentence, where=fault.where, remedy=fault.remedy)
        for fault in faults
    ]
    if len(errors) > 1:
        return ProblemsFound(errors)
    return errors[0] if errors else None


def problem_of(error: LauncherError) -> Problem:
    """A refusal as HTTP has it."""
    faults = faults_of(error)
    first = faults[0] if faults else Fault(code=error.code, sentence=error.sentence)
    kind = CATALOGUE.get(first.code, type(error))
    return Problem(
        type=f"urn:launcher:error:{first.code}",
        title=kind.title,
        status=_HTTP.get(first.code, _HTTP_BY_RANGE.get(first.code // 1000, 500)),
        detail=str(error),
        code=first.code,
        remedy=first.remedy,
        exit_status=error.status,
        faults=faults,
    )


def read_problem(data: bytes) -> LauncherError:
    """The error in a refusal; BadRequest where it holds none."""
    try:
        problem = convert(json.decode(data), Problem)
    except (DecodeError, UnicodeDecodeError) as error:
        return BadRequest(f"the running launcher's answer is not understood: {error}")
    found = error_of(problem.faults)
    return found if found is not None else BadRequest(problem.detail, remedy=problem.remedy)


def status_of(outcome: Outcome) -> int:
    """What a terminal command exits with; a failure never with 0."""
    if outcome.ok or outcome.status:
        return outcome.status
    return outcome.error.status if outcome.error is not None else 1


def done_of(outcome: Outcome) -> Done:
    """A command's outcome as a stream's last event."""
    return Done(
        ok=outcome.ok,
        lines=outcome.lines,
        status=status_of(outcome),
        culprit=outcome.culprit,
        faults=faults_of(outcome.error),
    )
