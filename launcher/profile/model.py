"""The one typed model of a profile: every key with its type, default, unit and meaning.

The decoder, the JSON Schema, `docs/profile.md` and the rest of the project are all derived from the structs below.
Only keys that have their effect in this version stand here; what is planned stands in `profile/later.py` and is
refused. The model knows nothing of files, layers, text or the machine. Its annotations are values, not texts as
elsewhere (no `from __future__ import annotations`): msgspec would have to compile each, 3 ms of every start.
"""

from typing import Annotated, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from launcher.profile.prefixes import normal_prefix
from launcher.profile.terms import (
    Condition,
    EngineName,
    Kind,
    Level,
    LogFormat,
    Mode,
    Notice,
    OnExit,
    OnFailure,
    OnLoss,
    Policy,
    Positive,
    Seconds,
    Size,
    SomeSeconds,
    says,
)

__all__ = [
    "Api",
    "Condition",
    "Defaults",
    "Dependency",
    "EngineName",
    "Health",
    "History",
    "Kind",
    "Level",
    "Levels",
    "Limits",
    "Log",
    "LogFormat",
    "Mode",
    "Notice",
    "Notify",
    "OnExit",
    "OnFailure",
    "OnLoss",
    "Policy",
    "Profile",
    "Restart",
    "Service",
    "Settings",
    "Stop",
]


class Dependency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge of the graph: what this service waits for, and what it does when that is lost."""

    condition: Annotated[
        Condition | None,
        says(
            "What the dependency must have reached: `started`, `healthy`, `completed` (success), `exited` (any code). "
            "Default: `completed` for a task, `healthy` where it has a health check or is an `app`, else `started`."
        ),
    ] = None
    required: Annotated[bool, says("`false`: start all the same when the dependency is not there or has failed.")] = (
        True
    )
    on_loss: Annotated[
        OnLoss, says("What to do once when the dependency leaves ready for good: `ignore`, `stop` or `restart`.")
    ] = OnLoss.IGNORE


class Health(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to tell that a service is ready, and stays so. Exactly one of http, tcp, exec, log, notify."""

    http: Annotated[
        str | None,
        says(
            "A path on the service's own port, under its prefix if it has one, or a URL. "
            "Healthy when the answer's status is below 400."
        ),
    ] = None
    status: Annotated[int | list[int] | None, says("The HTTP status, or statuses, that count as healthy.")] = None
    headers: Annotated[dict[str, str], says("Request headers of the HTTP probe.")] = field(default_factory=dict)
    tcp: Annotated[
        bool | int | None, says("`true`: the service's own port accepts a connection; a number: that port does.")
    ] = None
    exec: Annotated[
        str | list[str] | None,
        says("A command, run as the service would be; healthy when it exits with 0. A list is run without a shell."),
    ] = None
    log: Annotated[str | None, says("A regular expression; ready from the first line of output that it finds.")] = None
    notify: Annotated[bool, says("`true`: ready when the service sends sd_notify's `READY=1` to $NOTIFY_SOCKET.")] = (
        False
    )
    interval: Annotated[SomeSeconds, says("Time between the end of one check and the next, once ready.")] = 5.0
    timeout: Annotated[SomeSeconds, says("How long one check may take.")] = 2.0
    retries: Annotated[int, says("Consecutive failures after which a ready service is `unhealthy`.", ge=1)] = 3
    start_period: Annotated[Seconds, says("After a start, failures do not count for this long.")] = 30.0
    start_interval: Annotated[
        SomeSeconds | None,
        says("Time between checks until the first success. Default: 1 % of the time since the start, 5 to 250 ms."),
    ] = None
    on_failure: Annotated[
        OnFailure, says("What to do, once, when the service becomes unhealthy: `ignore`, `restart` or `stop`.")
    ] = OnFailure.IGNORE

    @property
    def check(self) -> str:
        """Which check it is, for people, as the profile has it: `http /healthz`, `log ^ready`, `tcp`."""
        kind = next(
            name for name in ("http", "tcp", "exec", "log", "notify") if getattr(self, name) not in (None, False)
        )
        value = getattr(self, kind)
        words = [kind] if value is True else [kind, *(value if isinstance(value, list) else [str(value)])]
        from launcher.profile.secrets import mask_urls  # noqa: PLC0415  (for those who look)

        return mask_urls(" ".join(words).replace("\n", " "))


class Restart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The restart rule: more than `burst` failures within `window` open the circuit."""

    policy: Annotated[
        Policy | None,
        says("`no`, `on-failure` or `always`. Default: `on-failure` for a service, `no` for a task and a Procfile."),
    ] = None
    delay: Annotated[Seconds, says("Wait before the first restart.")] = 0.1
    factor: Annotated[float, says("By how much each further wait grows.", ge=1)] = 2.0
    max_delay: Annotated[Seconds, says("The longest wait.")] = 30.0
    burst: Annotated[int, says("More failures than this within `window` open the circuit.", ge=0)] = 5
    window: Annotated[Seconds, says("How far back failures are counted.")] = 60.0
    cooldown: Annotated[
        Seconds | Literal["never"],
        says("How long an open circuit waits before one trial start; `never`: until a command."),
    ] = 60.0
    stable: Annotated[Seconds, says("Ready for this long closes the circuit and resets the wait.")] = 10.0


class Stop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a service is asked to end."""

    signal: Annotated[str, says("The signal sent to the process group: `TERM`, `INT`, `QUIT`, …")] = "TERM"
    grace: Annotated[Seconds, says("How long it may take to end before it is killed.")] = 10.0
    drain: Annotated[Seconds, says("`app` only: how long requests in flight may take to finish, within `grace`.")] = 5.0
    command: Annotated[
        str, says("A shell command run instead of the signal; $LAUNCHER_PID is the service's process.")
    ] = ""


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a service's processes may use."""

    open_files: Annotated[Positive | None, says("Open file descriptors of each process (RLIMIT_NOFILE).")] = None
    memory: Annotated[Size | None, says('Data memory of each process (RLIMIT_DATA): bytes, or "512MB", "2GB".')] = None


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service; in `[defaults]`, what every service has unless it says otherwise."""

    app: Annotated[
        str | None,
        says('An ASGI or WSGI application the launcher serves: "module:name" or "module:factory()".'),
    ] = None
    command: Annotated[
        str | list[str] | None,
        says("What to run: a string goes to the shell verbatim, a list is executed as it is."),
    ] = None
    kind: Annotated[Kind, says("`service`, or `task`: runs to completion.")] = Kind.SERVICE
    directory: Annotated[
        str, says("Working directory, relative to the project; first on the module path of an `app`.")
    ] = "."
    pythonpath: Annotated[list[str], says("Folders put on the module path of an `app`, after `directory`.")] = field(
        default_factory=list
    )
    python: Annotated[str | None, says("The interpreter that serves this `app`; overrides `[launcher] python`.")] = None
    port: Annotated[
        int | Literal["auto"] | None,
        says(
            'The port, given to the service as $PORT; "auto": a free one of `[launcher] ports`. An `app` without: auto.'
        ),
    ] = None
    socket: Annotated[
        bool,
        says("`true`: the launcher holds the listening socket and hands it over as LISTEN_FDS. An `app`: always."),
    ] = False
    prefix: Annotated[
        str | None,
        says('Where an `app` is mounted on its port: "/api". Services of one process that have a prefix share a port.'),
    ] = None
    strip_prefix: Annotated[
        bool, says("`true`: the app gets its paths without the prefix, for one that knows nothing of `root_path`.")
    ] = False
    depends_on: Annotated[
        dict[str, Dependency],
        says('What this service needs: ["db"], {db = "healthy"}, or a table with condition, required, on_loss.'),
    ] = field(default_factory=dict)
    health: Annotated[Health | None, says("How to tell that the service is ready.")] = None
    ready_timeout: Annotated[
        Seconds | None,
        says("How long it may take to become ready; the gate's deadline. Default: 60 s; a task has none."),
    ] = None
    restart: Annotated[Restart, says("When it is started again, and when no more.")] = field(default_factory=Restart)
    stop: Annotated[Stop, says("How it is asked to end.")] = field(default_factory=Stop)
    success_exit_codes: Annotated[list[int], says("Exit codes that count as success.")] = field(
        default_factory=lambda: [0]
    )
    replicas: Annotated[int, says("How many instances; instance i has port + i - 1.", ge=1, le=1000)] = 1
    required: Annotated[bool, says("`false`: its failure to start rolls nothing back.")] = True
    critical: Annotated[
        bool, says("`true`: when it has failed for good everything stops, with an exit code that is not 0.")
    ] = False
    placement: Annotated[
        str,
        says(
            "`app` only: `auto`, as the mode says; `own`: a process of its own; `merged`: one process with others, "
            "`merged:NAME` with those of that name; `forked`: a process of its own, forked from one that has imported "
            "what they have in common, `forked:NAME` from that of this name."
        ),
    ] = "auto"
    env: Annotated[dict[str, str], says("Environment of this service; values may use ${…}.")] = field(
        default_factory=dict
    )
    user: Annotated[str, says("Run as this user (needs root).")] = ""
    limits: Annotated[Limits, says("Resource limits.")] = field(default_factory=Limits)


class Service(Defaults, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service of a profile, all defaults applied."""

    @property
    def is_task(self) -> bool:
        return self.kind is Kind.TASK

    @property
    def check(self) -> str:
        """Its check for people, empty if it has none. A path is asked for under the service's prefix, and shown so."""
        if self.health is None:
            return ""
        http = self.health.http
        return (self.health if http is None else replace(self.health, http=self.asked_at(http))).check

    def asked_at(self, target: str) -> str:
        """Where an HTTP check asks: a path is one of the service's own, under its prefix; a URL stays as it is."""
        return normal_prefix(self.prefix or "") + target if target.startswith("/") else target

    @property
    def holds_socket(self) -> bool:
        """Whether the launcher binds the service's listening socket and hands it over."""
        return self.socket or self.app is not None


class Levels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Levels of single components, each in place of `level`."""

    loop: Annotated[Level | None, says("Changes of state and what the launcher says of them.")] = None
    probes: Annotated[Level | None, says("Health checks: each verdict at `debug`.")] = None
    control: Annotated[Level | None, says("What other terminals ask for.")] = None


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The launcher's own log, and the files that the output of services is kept in."""

    format: Annotated[LogFormat, says("What is printed: `text`, or `json`, an object a line. `--log-format` wins.")] = (
        LogFormat.TEXT
    )
    level: Annotated[
        Level, says("What the launcher's own log leaves out is below this: `debug`, `info`, `warning`, `error`.")
    ] = Level.INFO
    levels: Annotated[Levels, says("Levels of single components: loop, probes, control.")] = field(
        default_factory=Levels
    )
    size: Annotated[Size, says("A log file that would grow past this is set aside.")] = 10 * 1024 * 1024
    keep: Annotated[int, says("How many files set aside are kept of each log.", ge=0, le=1000)] = 2

    def level_of(self, component: str) -> Level:
        """The level that holds for a component."""
        return getattr(self.levels, component) or self.level


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[launcher.history]`: every change of state, kept for `launcher history`."""

    enabled: Annotated[bool, says("`false`: nothing is kept.")] = True
    keep: Annotated[SomeSeconds, says('For how long: "30d", "12h".')] = 30 * 86400.0
    size: Annotated[Size, says("How large it may grow (at least 256 KB); then the oldest changes go.")] = (
        64 * 1024 * 1024
    )
    store: Annotated[
        str,
        says(
            "Where: redis://, rediss:// or unix:// for Redis (`pip install 'launcher[redis]'`); may use ${VAR}. "
            "Absent: a SQLite file, `.launcher/NAME/history.db`."
        ),
    ] = ""


class Notify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[launcher.notify]`: who is told of changes: exactly one of `command` and `url`."""

    command: Annotated[
        str, says("A shell command; finds the change as JSON on its standard input and in LAUNCHER_… variables.")
    ] = ""
    url: Annotated[str, says("http:// or https://: the change is posted there as JSON; may use ${VAR}.")] = ""
    on: Annotated[
        list[Notice],
        says("The changes told: states, `circuit` (it keeps failing) and `recovered` (ready again after a fall)."),
    ] = field(default_factory=lambda: [Notice.FAILED, Notice.UNHEALTHY, Notice.CIRCUIT, Notice.RECOVERED])
    timeout: Annotated[SomeSeconds, says("How long one attempt may take.")] = 10.0


class Api(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[launcher.api]`: the API over TCP, besides the Unix socket in the run folder."""

    listen: Annotated[str, says('Where it listens too: "127.0.0.1:9999". Other than loopback only with a `token`.')] = (
        ""
    )
    token: Annotated[str, says("Whoever asks over TCP must have it (`Authorization: Bearer …`); may use ${VAR}.")] = ""
    hosts: Annotated[
        list[str], says("Names under which it is reached, besides `listen` and localhost; for proxies.")
    ] = field(default_factory=list)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[launcher]`: what holds for the profile as a whole."""

    extends: Annotated[list[str], says("Profiles this one builds on, nearest last.")] = field(default_factory=list)
    engine: Annotated[
        Literal["local", "supervisord"],
        says(
            "What runs the processes: `local`, this launcher itself; or `supervisord`, which `launcher start` runs "
            "in the background then."
        ),
    ] = "local"
    mode: Annotated[
        Mode,
        says(
            "`multi`: a process per service; `single`: every `app` in one process; `forked`: one import, and a process "
            "forked for every `app` (Linux); `auto`: one process for those that can share it, where that is worth it."
        ),
    ] = Mode.MULTI
    preload: Annotated[
        list[str] | None,
        says("The modules imported before forked services are. Absent: those of others that at least two import."),
    ] = None
    on_exit: Annotated[
        OnExit, says("`keep`: others go on when a service ends; `stop`: the end of one stops all, as honcho does.")
    ] = OnExit.KEEP
    ports: Annotated[
        str,
        says(
            'The range that `port = "auto"` draws from; 8000 to 8010 come first. Nobody draws a port that another '
            "launcher of the same user has drawn."
        ),
    ] = "8000-8099"
    select: Annotated[list[str] | None, says("The services to start, with what they depend on. Absent: all.")] = None
    env_file: Annotated[list[str], says("Files of NAME=value lines, read anew at each start of a service.")] = field(
        default_factory=list
    )
    secret: Annotated[
        list[str], says("Variables whose values are never shown, besides *TOKEN* *SECRET* *PASSWORD* *_KEY.")
    ] = field(default_factory=list)
    log: Annotated[Log, says("The launcher's own log, and log files.")] = field(default_factory=Log)
    python: Annotated[
        str | None, says("The interpreter that serves `app` services. Default: $VIRTUAL_ENV, .venv, launcher's own.")
    ] = None
    history: Annotated[History, says("What is remembered of the services: see below.")] = field(default_factory=History)
    notify: Annotated[Notify | None, says("Who is told of changes: see below.")] = None
    api: Annotated[Api, says("The API over TCP: see below.")] = field(default_factory=Api)


class Profile(Struct, frozen=True, kw_only=True):
    """A profile, read, merged and checked: plain frozen values, no file names, templates kept as written.

    `services` keeps the order of definition. Environment values are templates until a start resolves them.
    """

    name: str
    root: str
    settings: Settings
    env: dict[str, str]
    services: dict[str, Service]
    #: Whether the source is a bare Procfile (labels are `web.1`, ports follow honcho's scheme).
    procfile: bool = False
