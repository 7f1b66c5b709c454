"""From the plan to one start: environment, command, directory, sockets and check."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from launcher.errors import EnvFileMissing, VariableUnset
from launcher.orchestrator.launches import SERVE, Prepared, build_launch, health_of
from launcher.orchestrator.orders import HeldSocket
from launcher.profile.model import Health, Service
from tests.plan.plans import plan_of

OURS = {"HONCHO_PROCESS_NAME", "LAUNCHER_PROFILE", "LAUNCHER_SERVICE", "LAUNCHER_INSTANCE", "LAUNCHER_GENERATION"}


class World:
    """A world of tables."""

    def __init__(self, environ: Mapping[str, str] | None = None, files: Mapping[str, Mapping[str, str]] | None = None):
        self.inherited = dict(environ or {})
        self.files = dict(files or {})

    def environ(self) -> Mapping[str, str]:
        return self.inherited

    def env_file(self, path: str) -> Mapping[str, str]:
        if path not in self.files:
            raise EnvFileMissing(f"no {path}")
        return self.files[path]

    def python_for(self, named: str | None) -> str:
        return f"/found/{named or 'python'}"


def prepare(
    service: Mapping[str, Any],
    *,
    world: World | None = None,
    others: Mapping[str, Mapping[str, Any]] | None = None,
    instance: str = "api.1",
    probe_env: Mapping[str, str] | None = None,
    **settings: Any,
) -> Prepared:
    """Build a start of the service `api`."""
    plan = plan_of({"api": service, **(others or {})}, **settings)
    return build_launch(plan, instance, 3, world=world or World(), probe_env=probe_env or {})


def env_of(*args: Any, **kwargs: Any) -> dict[str, str]:
    env = prepare(*args, **kwargs).launch.env
    return {name: value for name, value in env.items() if name not in {*OURS, "PWD"}}


def test_what_the_launcher_sets() -> None:
    """The service is told who it is, above everything else, whatever was inherited or asked for."""
    lies = dict.fromkeys([*OURS, "PORT", "NOTIFY_SOCKET"], "lie")
    one = prepare(
        {"port": 8000, "replicas": 2, "env": lies},
        env=lies,
        world=World(lies),
        instance="api.2",
        probe_env={"NOTIFY_SOCKET": "/run/notify"},
    )
    assert one.launch.env == {
        "PORT": "8001",
        "HONCHO_PROCESS_NAME": "api.2",
        "LAUNCHER_PROFILE": "dev",
        "LAUNCHER_SERVICE": "api",
        "LAUNCHER_INSTANCE": "api.2",
        "LAUNCHER_GENERATION": "3",
        "NOTIFY_SOCKET": "/run/notify",
        "PWD": "/project",
    }
    assert (one.launch.instance, one.launch.generation) == ("api.2", 3)


def test_the_layers_of_the_environment() -> None:
    """Inherited < env files, the last first < [env] < the service's env < the launcher."""
    names = "abcdef"
    found = env_of(
        {"env": dict.fromkeys(names[4:], "service")},
        env=dict.fromkeys(names[3:], "profile"),
        env_file=["one", "two"],
        world=World(
            dict.fromkeys(names, "inherited"),
            {"one": dict.fromkeys(names[1:], "one"), "two": dict.fromkeys(names[2:], "two")},
        ),
    )
    assert found == {"a": "inherited", "b": "one", "c": "two", "d": "profile", "e": "service", "f": "service"}


VALUES: list[tuple[str, dict[str, str], dict[str, str], str]] = [
    ("[env] sees env files", {"X": "<${FILE}>"}, {}, "<file>"),
    ("a service sees [env]", {"A": "<${FILE}>"}, {"X": "${A}!"}, "<file>!"),
    ("its own lower value", {"X": "${X}/1"}, {"X": "${X}/2"}, "low/1/2"),
    ("its own lower value, if any", {}, {"X": "${NO:-none}"}, "none"),
    ("not each other", {}, {"Y": "high", "X": "${Y}"}, "low"),
    ("the service's own port, not an inherited one", {"X": "${PORT}"}, {}, "8000"),
    ("who it is", {}, {"X": "${LAUNCHER_INSTANCE}"}, "api.1"),
    ("dotted", {}, {"X": "${services.db.url}"}, "http://127.0.0.1:5432"),
    ("a dollar", {}, {"X": "$$HOME $HOME"}, "$HOME $HOME"),
    ("files are not templates", {"X": "${RAW}"}, {}, "${FILE}"),
]


@pytest.mark.parametrize(("shared", "own", "expected"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_values_of_the_environment(shared: dict[str, str], own: dict[str, str], expected: str) -> None:
    """A value uses the layers below its own, and what the launcher sets."""
    world = World({"PORT": "1", "X": "low", "Y": "low"}, {".env": {"FILE": "file", "RAW": "${FILE}"}})
    found = env_of(
        {"port": 8000, "env": own}, env=shared, env_file=[".env"], world=world, others={"db": {"port": 5432}}
    )
    assert found["X"] == expected


def test_env_files_are_read_at_each_start() -> None:
    """What a file says at the time of the start holds, and the inherited environment is left as it was."""
    plan = plan_of({"api": {"env": {"X": "${A}"}}}, env_file=[".env"])
    world = World({"HOME": "/"}, {".env": {"A": "1"}})
    before = build_launch(plan, "api.1", 1, world=world, probe_env={}).launch.env
    world.files = {".env": {"A": "2"}}
    after = build_launch(plan, "api.1", 2, world=world, probe_env={}).launch.env
    assert (before["X"], after["X"]) == ("1", "2")
    assert world.inherited == {"HOME": "/"}


def test_a_service_without_port() -> None:
    """It keeps an inherited PORT: the launcher sets none."""
    assert env_of({}, world=World({"PORT": "1"})) == {"PORT": "1"}


COMMANDS: list[tuple[str, dict[str, Any], tuple[str, ...], str]] = [
    ("for the shell", {"command": "run $$ ${X:-y}"}, (), "run $$ ${X:-y}"),
    ("dotted", {"command": "run ${services.api.port}"}, (), "run 8000"),
    ("a list", {"command": ["run", "${X}", "${services.api.port}"]}, ("run", "${X}", "8000"), ""),
]


@pytest.mark.parametrize(
    ("service", "argv", "shell"), [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS]
)
def test_commands(service: dict[str, Any], argv: tuple[str, ...], shell: str) -> None:
    """Commands stay byte for byte but for dotted names: a string for the shell, a list for nobody."""
    launch = prepare({"port": 8000, **service}).launch
    assert (launch.argv, launch.shell) == (argv, shell)
    assert launch.sockets == ()


def test_an_app() -> None:
    """An app is served by the host, run as a path by the service's Python, on a socket that the launcher holds."""
    one = prepare(
        {
            "app": "shop.api:app",
            "directory": "shop",
            "pythonpath": ["src", "/lib/${X}"],
            "env": {"X": "x"},
            "stop": {"drain": 0.5},
            "replicas": 2,
        },
        instance="api.2",
    )
    assert one.launch.argv == (
        *("/found/python", "-u", SERVE, "shop.api:app"),
        *("--directory", "/project/shop", "--pythonpath", "/project/src", "--pythonpath", "/lib/x"),
        *("--drain", "0.5"),
    )
    assert one.launch.shell == ""
    assert one.launch.sockets == (HeldSocket("api", "127.0.0.1", 8001),)
    assert one.health == Health(notify=True)
    assert os.path.basename(os.path.dirname(SERVE)) == "host"  # noqa: PTH119, PTH120  (a string is what is run)


PYTHONS = [(None, None, "python"), (None, "pypy", "pypy"), ("python3.12", "pypy", "python3.12")]


@pytest.mark.parametrize(("own", "shared", "expected"), PYTHONS)
def test_the_python_of_an_app(own: str | None, shared: str | None, expected: str) -> None:
    """The service's goes before the profile's; where none is named the world finds one."""
    assert prepare({"app": "x:y", "python": own}, python=shared).launch.argv[0] == f"/found/{expected}"


def test_a_held_socket_without_app() -> None:
    """`socket = true` has the launcher hold the port, each instance its own."""
    service = {"socket": True, "port": 8000, "replicas": 2, "command": "run --fd ${socket.fd}"}
    launch = prepare(service, instance="api.2").launch
    assert launch.sockets == (HeldSocket("api", "127.0.0.1", 8001),)
    assert launch.shell == "run --fd 3"


DIRECTORIES = [
    (".", "/project"),
    ("", "/project"),
    ("shop/api", "/project/shop/api"),
    ("/srv", "/srv"),
    ("${BASE}/x", "/base/x"),
    ("x/${LAUNCHER_SERVICE}", "/project/x/api"),
]


@pytest.mark.parametrize(("directory", "expected"), DIRECTORIES)
def test_directories(directory: str, expected: str) -> None:
    """A relative directory is the project's; variables are expanded first."""
    assert prepare({"directory": directory, "env": {"BASE": "/base"}}).launch.directory == expected


def test_user_and_limits() -> None:
    """The user may be a template; limits go as they are."""
    launch = prepare({"user": "${WHO}", "env": {"WHO": "www"}, "limits": {"open_files": 9}}).launch
    assert (launch.user, launch.limits.open_files) == ("www", 9)


CHECKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a path", {"http": "/${A}", "status": 204}, {"http": "/a", "status": 204}),
    ("a url", {"http": "http://h:${PORT}/$$"}, {"http": "http://h:8000/$"}),
    ("headers", {"http": "/", "headers": {"T": "Bearer ${A}"}}, {"http": "/", "headers": {"T": "Bearer a"}}),
    ("for the shell", {"exec": "ping ${A} $$ ${services.api.port}"}, {"exec": "ping ${A} $$ 8000"}),
    ("a list", {"exec": ["ping", "${A}", "${services.api.port}"]}, {"exec": ["ping", "a", "8000"]}),
    ("an expression", {"log": "^${$"}, {"log": "^${$"}),
    ("a port", {"tcp": 5432, "interval": 1}, {"tcp": 5432, "interval": 1}),
]


@pytest.mark.parametrize(("given", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS])
def test_checks(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """References in a check are resolved with the service's own environment; a shell's are left to the shell."""
    one = prepare({"port": 8000, "env": {"A": "a"}, "health": given})
    assert one.health == msgspec.convert(expected, Health)


def test_default_checks() -> None:
    """An app without a check is ready when its host says so; one with a check, and a command, have what they have."""
    http = Health(http="/")
    assert health_of(Service(app="x:y")) == Health(notify=True)
    assert health_of(Service(app="x:y", health=http)) == http
    assert health_of(Service(command="x", health=http)) == http
    assert health_of(Service(command="x")) is None


def test_what_is_missing_stops_the_start() -> None:
    """An unset variable or a missing env file is the start's failure, told as what it is."""
    with pytest.raises(VariableUnset, match="DB is not set: where is it"):
        prepare({"env": {"URL": "${DB:?where is it}"}})
    with pytest.raises(EnvFileMissing, match=r"no \.env"):
        prepare({}, env_file=[".env"])
