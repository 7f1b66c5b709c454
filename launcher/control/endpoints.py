"""Every endpoint of the API as data: from this table come the routes, the OpenAPI document and docs/api.md.

Knows words and types; what an endpoint does stands in `api`, under its name.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from launcher.control import wire
from launcher.observe.history.read import Report
from launcher.observe.timeline import Timeline
from launcher.orchestrator.snapshot import Snapshot
from launcher.plan.model import Plan

JSON = "application/json"
TEXT = "text/plain"


class Parameter(Struct, frozen=True):
    """One parameter of a query (or, where `in_path`, of the path)."""

    name: str
    says: str
    kind: type = str
    #: Whether it may be given several times.
    many: bool = False
    choices: tuple[str, ...] = ()
    in_path: bool = False


class Endpoint(Struct, frozen=True, kw_only=True):
    """One method of one path. `name` is that of the function which answers."""

    name: str
    method: str
    path: str
    says: str
    more: str = ""
    takes: tuple[Parameter, ...] = ()
    answer: Any = None
    media: str = JSON
    #: Besides 200 and what every endpoint may answer (400, 401, 403, 404).
    also: tuple[int, ...] = ()


NAME = Parameter("name", "The service.", in_path=True)
SERVICES = Parameter("service", "A service, or one instance of it; may be repeated. Default: all.", many=True)
SINCE = Parameter("since", 'Only what is not older: seconds, or "10m", "1h", "2d".')
WAIT = Parameter(
    "wait",
    "How long to wait for the state asked for, in seconds; then 504, and the command goes on. Default: as long as it "
    "takes.",
    float,
)
FORCE = Parameter("force", "Start what they depend on, too, and end what shares a process before it starts anew.", bool)
NAMED = Parameter("named", "A completed task among the services runs again.", bool)
SHOW = Parameter(
    "output",
    "With `Accept: text/event-stream`: send what services print too, and all that happens, until the launcher ends.",
    bool,
)

_COMMAND = (
    "The answer comes when the state asked for has been reached, or never will be. With `Accept: text/event-stream` "
    "it is a stream of what happens until then, and its last event is `done`."
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="status", method="GET", path="/status", says="Everything as it is now.", takes=(SERVICES,), answer=Snapshot
    ),
    Endpoint(
        name="service",
        method="GET",
        path="/services/{name}",
        says="One service.",
        takes=(NAME,),
        answer=wire.ServiceAnswer,
    ),
    Endpoint(
        name="usage",
        method="GET",
        path="/usage",
        says="Processor time and memory of each instance's process tree; of a component, what it has done.",
        answer=wire.UsageAnswer,
    ),
    Endpoint(
        name="health",
        method="GET",
        path="/health",
        says="Whether all is well: 200, or 503.",
        more="`alive`: the launcher answers. `ready`: all that is wanted up is ready or completed.",
        takes=(Parameter("level", "`alive` or `ready` (default).", choices=("alive", "ready")),),
        answer=wire.HealthAnswer,
        also=(503,),
    ),
    Endpoint(
        name="probe",
        method="GET",
        path="/probe",
        says="Check services now.",
        more="Beside the checks that are made anyway, and counting for none of them.",
        takes=(SERVICES, WAIT),
        answer=wire.CommandAnswer,
        also=(504,),
    ),
    Endpoint(
        name="wait",
        method="GET",
        path="/wait",
        says="Answer when services are ready or completed, or never will be.",
        more=_COMMAND,
        takes=(SERVICES, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="history",
        method="GET",
        path="/history",
        says="What happened to services: changes, times of being down, uptime.",
        takes=(SERVICES, SINCE),
        answer=Report,
        also=(503,),
    ),
    Endpoint(
        name="events",
        method="GET",
        path="/events",
        says="A snapshot first, then every change, as server-sent events.",
        more=(
            "With `Last-Event-ID` the stream goes on behind that event, without a gap or a repeat, as long as the "
            "launcher still has it; else it begins with a snapshot. Events: `snapshot`, `changed`, `noted`, `ended`."
        ),
        takes=(SERVICES,),
        answer=wire.AnySent,
        media=wire.EVENT_STREAM,
    ),
    Endpoint(
        name="logs",
        method="GET",
        path="/logs",
        says="What services have printed, and with `follow` what they go on to print, as server-sent events.",
        more="Events: `output`, `missed`, `ended`.",
        takes=(
            SERVICES,
            SINCE,
            Parameter("lines", "At most so many of the last lines of each. Default: 50; with `since`: all.", int),
            Parameter("follow", "Go on until the launcher ends.", bool),
        ),
        answer=wire.AnySent,
        media=wire.EVENT_STREAM,
    ),
    Endpoint(
        name="metrics",
        method="GET",
        path="/metrics",
        says="Metrics for Prometheus ([metrics.md](metrics.md)).",
        media=TEXT,
    ),
    Endpoint(name="graph", method="GET", path="/graph", says="Who depends on whom.", answer=wire.GraphAnswer),
    Endpoint(
        name="timeline",
        method="GET",
        path="/timeline",
        says="How the last start-up went ([timeline.md](timeline.md)).",
        answer=Timeline,
    ),
    Endpoint(name="profile", method="GET", path="/profile", says="The plan that runs, secrets as `***`.", answer=Plan),
    Endpoint(
        name="openapi",
        method="GET",
        path="/openapi.json",
        says="This description, as an OpenAPI document.",
        answer=dict,
    ),
    Endpoint(
        name="start_service",
        method="POST",
        path="/services/{name}/start",
        says="Start a service and what it depends on.",
        more=_COMMAND,
        takes=(NAME, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="stop_service",
        method="POST",
        path="/services/{name}/stop",
        says='Stop a service, and first its dependents whose edge says `on_loss = "stop"`.',
        more=_COMMAND,
        takes=(NAME, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="restart_service",
        method="POST",
        path="/services/{name}/restart",
        says="Restart a service.",
        more=_COMMAND,
        takes=(NAME, FORCE, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="start",
        method="POST",
        path="/start",
        says="Start several services, or all, as one start-up that is undone if it fails.",
        more=_COMMAND,
        takes=(SERVICES, NAMED, SHOW, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="restart",
        method="POST",
        path="/restart",
        says="Restart several services, or all.",
        more=_COMMAND,
        takes=(SERVICES, FORCE, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
    Endpoint(
        name="stop",
        method="POST",
        path="/stop",
        says="Stop services; without any: everything, and the launcher ends.",
        more=_COMMAND,
        takes=(SERVICES, WAIT),
        answer=wire.CommandAnswer,
        also=(409, 504),
    ),
)
