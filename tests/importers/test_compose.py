"""What each key of a Compose service becomes, and what is said of it."""

from __future__ import annotations

import pytest

from launcher.errors import ImportSyntax
from launcher.importers import compose
from tests.importers.reading import imported, losses

#: summary: the service's YAML, what of the profile it becomes, the sentences (their ends) that are told.
KEYS = {
    "a command is split without a shell": ("command: echo 'a b' $$X", {"command": ["echo", "a b", "$X"]}, []),
    "a plain one stays a text": ("command: python -m shop", {"command": "python -m shop"}, []),
    "a variable is put in by the shell": ("command: serve '${A:-x y}' $B", {"command": 'serve "${A:-x y}" ${B}'}, []),
    "an entrypoint stands before the command": (
        "entrypoint: [tini, --]\ncommand: [a, b c]",
        {"command": ["tini", "--", "a", "b c"]},
        [],
    ),
    "a shell's word as the first one": ("command: test -f x", {"command": ["test", "-f", "x"]}, []),
    "our own references are no business of Compose": (
        "command: ['a', '$${services.a.url}']",
        {"command": "a '$''{services.a.url}'"},
        [],
    ),
    "environment as a mapping": (
        "command: x\nenvironment: {A: 1.10, B: True, C: 'yes', D: yes, E: , F: '${X:-a$$b}', G: '$$Y'}",
        {"env": {"A": "1.1", "B": "true", "C": "yes", "D": "yes", "F": "${X:-a$$b}", "G": "$$Y"}},
        [],
    ),
    "environment as a list": ("command: x\nenvironment: [A=1, B, 'C=a=b']", {"env": {"A": "1", "C": "a=b"}}, []),
    "an operator that a profile has not": (
        "command: x\nenvironment: {A: '${X:+y}', B: '${X-y}'}",
        {"env": {"B": "${X:-y}"}},
        ["${X:+…} has no counterpart in a profile", "${X-…} acts on an empty variable too, as X:-"],
    ),
    "env_file": (
        "command: x\nenv_file: [a.env, {path: b.env, required: false}, '${F}']",
        {},
        ["a.env is read for every service", "b.env may be missing", "takes no variables there"],
    ),
    "a port": ("command: x\nports: ['127.0.0.1:8080:80/tcp']", {"port": 8080}, ["the address 127.0.0.1", "not on 80"]),
    "a port of the container only": ("command: x\nports: [3000]", {"port": 3000}, []),
    "a port in long form": ("command: x\nports: [{target: 80, published: '80'}]", {"port": 80}, []),
    "a port with a default": ("command: x\nports: ['${P:-81}:81']", {"port": 81}, ["at its default, 81:81"]),
    "ports that are none": ("command: x\nports: ['53:53/udp', '1-3:1-3', 0]", {}, ["no single TCP port"] * 3),
    "a port in long form with more": (
        "command: x\nports: [{host_ip: '::1', published: 80, target: 80, protocol: tcp, mode: host}]",
        {"port": 80},
        ["ports.mode: has no counterpart", "the address ::1"],
    ),
    "a check by words": (
        "command: x\nhealthcheck: {test: [CMD, check, 'a b'], interval: 5s, timeout: 1s, retries: 2}",
        {"health": {"exec": ["check", "a b"], "interval": "5s", "timeout": "1s", "retries": 2}},
        [],
    ),
    "a check by the shell": (
        "command: x\nhealthcheck: {test: [CMD-SHELL, 'test $$A = ${B} || exit 1'], interval: 1s}",
        {"health": {"exec": "test $A = ${B} || exit 1", "interval": "1s", "timeout": "30s"}},
        [],
    ),
    "a check with a dollar in its words": (
        "command: x\nhealthcheck: {test: [CMD, a, '$$B'], interval: 1s, timeout: 1s}",
        {"health": {"exec": "a '$B'", "interval": "1s", "timeout": "1s"}},
        [],
    ),
    "Compose's own times, and its patience": (
        "command: x\nhealthcheck: {test: a}",
        {"health": {"exec": "a", "interval": "30s", "timeout": "30s"}, "ready_timeout": 90},
        [],
    ),
    "a check that is none": ("command: x\nhealthcheck: {test: [NONE]}", {}, []),
    "a check that is switched off": ("command: x\nhealthcheck: {disable: true, test: a}", {}, []),
    "a check of the image's": ("command: x\nhealthcheck: {interval: 5s}", {}, ["known only to the image"]),
    "restart: no": ("command: x\nrestart: 'no'", {}, []),
    "restart: no, without quotes": ("command: x\nrestart: no", {}, []),
    "restart: always": ("command: x\nrestart: always", {"restart": {"policy": "always"}}, []),
    "restart: on-failure:2": (
        "command: x\nrestart: on-failure:2",
        {"restart": {"policy": "on-failure", "burst": 2, "cooldown": "never"}},
        [],
    ),
    "restart_policy": (
        "command: x\ndeploy: {restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 2m}}",
        {
            "restart": {
                "policy": "on-failure", "delay": "5s", "burst": 3, "cooldown": "never", "stable": "2m",
            }
        },
        [],
    ),
    "a folder of the container": ("command: x\nworking_dir: /app", {}, ["/app is a folder in the container"]),
    "a folder that is mounted": (
        "command: x\nworking_dir: /app/a\nvolumes: [{type: bind, source: ./src, target: /app}]",
        {"directory": "src/a"},
        ["uses this machine's folders"],
    ),
    "user": ("command: x\nuser: app", {"user": "app"}, []),
    "user by number": ("command: x\nuser: 1000", {}, ["takes the name of a user"]),
    "how it is stopped": (
        "command: x\nstop_signal: SIGQUIT\nstop_grace_period: 1m30s",
        {"stop": {"signal": "QUIT", "grace": "1m30s"}},
        [],
    ),
    "limits": (
        "command: x\nulimits: {nofile: 99, nproc: 1}\nmem_limit: 1g",
        {"limits": {"open_files": 99, "memory": "1g"}},
        ["ulimits.nproc: has no counterpart", "for the data of each process"],
    ),
    "several": ("command: x\nscale: 3", {"replicas": 3}, []),
    "a key that nobody knows": ("command: x\ncomand: y\nx-mine: z", {}, ["comand: has no counterpart in a profile"]),
}  # fmt: skip


@pytest.mark.parametrize("summary", KEYS)
def test_a_key(summary):
    """The service in the profile's own keys."""
    yaml, expected, told = KEYS[summary]
    indented = "".join(f"    {line}\n" for line in yaml.splitlines())
    found = imported(compose, f"services:\n  a:\n{indented}")
    values = found.services["a"]
    assert {key: value for key, value in values.items() if key != "command" or "command" in expected} == expected
    assert len(losses(found)) == len(told)
    for loss, end in zip(losses(found), told, strict=True):
        assert end in loss


def services(found):
    return {name: service.get("depends_on") for name, service in found.services.items()}


def test_edges_say_what_compose_means():
    """The short form waits for a start only; who is waited for to complete is a task."""
    found = imported(
        compose,
        """
services:
  a: {command: x, depends_on: [b, c]}
  b: {command: x, depends_on: {c: {condition: service_completed_successfully, required: false, restart: true}}}
  c: {command: x, restart: always, healthcheck: {test: y}}
""",
    )
    assert services(found) == {
        "a": {"b": "started", "c": "started"},
        "b": {"c": {"condition": "completed", "required": False, "on_loss": "restart"}},
        "c": None,
    }
    assert found.services["c"] == {"kind": "task", "command": "x", "restart": {"policy": "on-failure"}}
    assert [loss.split(": ", 1)[0] for loss in losses(found)] == ["W6101 file:5", "W6102 file:5"]


def test_an_image_alone_is_left_out_and_so_are_the_edges_to_it():
    """Both are told, with their lines."""
    found = imported(
        compose, "services:\n  a:\n    command: x\n    depends_on: [db]\n  db:\n    image: pg\n    ports: [5432]\n"
    )
    assert services(found) == {"a": None}
    assert found.left_out == {"db": {"port": 5432}}
    assert losses(found) == [
        "W6101 file:4: services.a.depends_on.db: dropped, because db cannot run here",
        "W6101 file:5: services.db: cannot run as a process, its command is known only to its image; left out",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "is_told"),
    [
        ("URL", "postgres://u:p@db:5432/db", True),
        ("URL", "http://db/x", True),
        ("BROKERS", "a:1,db:2", True),
        ("DB_HOST", "db", True),
        ("DB_NAME", "db", False),
        ("URL", "sqlite:///db", False),
        ("URL", "http://dbx/db", False),
    ],
)
def test_a_host_that_only_compose_knows_is_told(variable, value, is_told):
    """The value itself stays as it is."""
    found = imported(
        compose, f"services:\n  a:\n    command: x\n    environment: {{{variable}: '{value}'}}\n  db: {{command: y}}\n"
    )
    assert found.services["a"]["env"] == {variable: value}
    assert [loss.partition(": ")[0] for loss in losses(found)] == ["W6102 file:4"] * is_told


def test_healthy_without_a_check_becomes_started():
    """A gate that could never open would refuse the whole profile."""
    found = imported(
        compose,
        "services:\n  a: {command: x, depends_on: {b: {condition: service_healthy}}}\n  b: {command: x}\n",
    )
    assert services(found)["a"] == {"b": "started"}
    assert "no health check was carried over" in losses(found)[0]


def test_paths_start_from_the_files_folder():
    """Wherever in the project it lies."""
    found = imported(
        compose,
        "services:\n  a: {command: x, env_file: ../a.env}\n  b: {command: x, working_dir: src}\n",
        folder="deploy",
        dotenv="",
    )
    assert found.settings["env_file"] == ["deploy/.env", "a.env"]
    assert [service["directory"] for service in found.services.values()] == ["deploy", "deploy/src"]


def test_names_that_a_profile_does_not_take_are_told():
    """And the edges follow."""
    found = imported(compose, "services:\n  a.b: {command: x}\n  c: {command: x, depends_on: [a.b]}\n")
    assert services(found) == {"a-b": None, "c": {"a-b": "started"}}
    assert losses(found) == ['W6102 file:2: the service "a.b" is called "a-b" here']


def test_anchors_and_merges_are_followed():
    """What a service says itself goes before what it merges."""
    found = imported(
        compose,
        "x-a: &a {command: x, restart: always}\nservices:\n  a: {<<: *a}\n  b:\n    <<: [*a]\n    command: y\n",
    )
    assert found.services == {
        "a": {"command": "x", "restart": {"policy": "always"}},
        "b": {"command": "y", "restart": {"policy": "always"}},
    }


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n" for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)

BROKEN = {
    "a tab": ("services:\n  a:\n\tcommand: x\n", 3, "cannot start any token"),
    "a quote that is open": ("services:\n  a:\n    command: 'x\n", 3, "unexpected end of stream"),
    "a key twice": ("services:\n  a: {command: x}\n  a: {command: y}\n", 3, "`a` stands twice, first in line 2"),
    "billions of laughs": (LAUGHS + "services: {}\n", 1, "expand to more than"),
    "an anchor within itself": ("services: &a\n  b: *a\n", 1, "levels deep"),
    "too deep": ("services: " + "[" * 400 + "]" * 400, 1, "levels deep"),
    "an unknown anchor": ("services:\n  a: *b\n", 2, "undefined alias"),
    "services that are a list": ("services:\n  - a\n", 2, "expected a mapping"),
    "a service that is a text": ("services:\n  a: x\n", 2, "expected a mapping"),
    "an environment that is a text": ("services:\n  a:\n    command: x\n    environment: x\n", 4, "got a text"),
    "a command of mappings": ("services:\n  a:\n    command: [{a: b}]\n", 3, "got a list"),
    "a reference that is open": ("services:\n  a:\n    command: 'x ${A:-b'\n", 3, "no closing brace"),
    "a word that is open": ('services:\n  a:\n    command: x "y\n', 3, "a quote is not closed"),
    "a control character": ("services:\n  a:\n    command: \x01\n", 3, "not allowed"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_its_line(what):
    """What is wrong and where, in one sentence."""
    text, line, sentence = BROKEN[what]
    with pytest.raises(ImportSyntax, match=sentence) as caught:
        imported(compose, text)
    assert caught.value.where == f"file:{line}"
