"""What the options of a supervisord program and the keys of a process-compose process become."""

from __future__ import annotations

import pytest

from launcher.errors import ImportSyntax, ProblemsFound
from launcher.importers import process_compose, procfile, supervisord
from tests.importers.reading import imported, losses

PROGRAM = {
    "restarts": ("autorestart=true", {"restart": {"policy": "always"}}, []),
    "restarts after a failure": ("autorestart=unexpected", {"restart": {"policy": "on-failure"}}, []),
    "never restarts": ("autorestart=false", {"restart": {"policy": "no"}}, []),
    "runs to its end": ("autorestart=false\nstartsecs=0", {"kind": "task"}, ["read as a task"]),
    "so many tries": ("startretries=5", {"restart": {"burst": 5, "cooldown": "never"}}, ["every failure within 60 s"]),
    "exit codes": ("exitcodes=0, 2", {"success_exit_codes": [0, 2]}, []),
    "how it is stopped": ("stopsignal=INT\nstopwaitsecs=3", {"stop": {"signal": "INT", "grace": 3}}, []),
    "to its group": ("stopasgroup=true\nkillasgroup=true", {}, []),
    "not to its group": ("stopasgroup=false", {}, ["the whole process group"]),
    "in a folder of the file's": ("directory=%(here)s/a", {"directory": "a"}, []),
    "in a folder": ("directory=/srv/$a", {"directory": "/srv/$$a"}, []),
    "as somebody": ("user=www", {"user": "www"}, []),
    "as a number": ("user=33", {}, ["takes the name of a user"]),
    "environment": ('environment=A="b,c;d",B=%(ENV_A)s', {"env": {"A": "b,c;d", "B": "${A}"}}, []),
    "three alike": ("numprocs=3\nprocess_name=%(program_name)s_%(process_num)s", {"replicas": 3}, []),
    "a comment behind a value": ("user=www ; not root", {"user": "www"}, []),
    "a name nobody knows": ("environment=A=%(host_node_name)s", {}, ["cannot be known here"]),
    "one log": ("redirect_stderr=true", {}, []),
    "its logs": ("stdout_logfile=/a\nstderr_logfile=NONE", {}, [".launcher/NAME/logs"] * 2),
    "a misspelt option": ("comand=x", {}, ["comand: has no counterpart"]),
}


@pytest.mark.parametrize("summary", PROGRAM)
def test_an_option_of_a_program(summary):
    """The service in the profile's own keys."""
    text, expected, told = PROGRAM[summary]
    found = imported(supervisord, f"[program:a]\ncommand=x\n{text}\n")
    assert found.services["a"] == {"command": "x", **expected}
    assert len(losses(found)) == len(told)
    for loss, part in zip(losses(found), told, strict=True):
        assert part in loss


def test_a_program_without_words_is_left_out():
    """As one with a quote that is open: supervisord could not start it either."""
    found = imported(supervisord, "[program:a]\ncommand=\n[program:b]\ncommand=x 'y\n")
    assert (found.services, found.left_out) == ({}, {"a": {}, "b": {}})
    assert [loss.partition(" [")[0] for loss in losses(found)] == ["W6101 file:2:", "W6101 file:4:"]


def test_an_autostart_that_is_false_is_not_selected():
    """The others are."""
    found = imported(supervisord, "[program:a]\ncommand=x\nautostart=false\n[program:b]\ncommand=x\n")
    assert found.settings == {"select": ["b"]}


def test_what_a_number_tells_apart_are_services_of_their_own():
    """Called as supervisord calls the processes."""
    found = imported(
        supervisord,
        "[program:a]\ncommand=x %(process_num)02d\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)s\nuser=1\n",
    )
    assert {name: service["command"] for name, service in found.services.items()} == {"a_0": "x 00", "a_1": "x 01"}
    assert len(losses(found)) == 2


def test_supervisords_own_environment_and_folder_are_every_programs():
    """`[env]` and `[defaults]`."""
    found = imported(
        supervisord, '[supervisord]\nenvironment=A="$b"\ndirectory=%(here)s/x\n[program:a]\ncommand=x\n', folder="etc"
    )
    assert (found.env, found.defaults) == ({"A": "$$b"}, {"directory": "etc/x"})


INI = {
    "no section": ("a=b\n", 1, "stands in no section"),
    "no option": ("[program:a]\ncommand=x\nnonsense\n", 3, "neither"),
    "no command": ("[program:a]\nuser=x\n", 1, "has no command"),
    "no number": ("[program:a]\ncommand=x\nnumprocs=two\n", 3, "expected a whole number, got two"),
    "neither true nor false": ("[program:a]\ncommand=x\nautostart=maybe\n", 3, "expected true or false, got maybe"),
    "a group of nobody": ("[program:a]\ncommand=x\n[group:g]\nprograms=a,b\n", 4, "not there: b"),
    "too many": ("[program:a]\ncommand=x\nnumprocs=1001\n", 3, "more than 1000"),
    "two of a name": ("[program:a]\ncommand=x\n[fcgi-program:a]\ncommand=x\n", 3, "the name of two programs"),
}


@pytest.mark.parametrize("what", INI)
def test_a_broken_conf_is_refused_with_its_line(what):
    """As supervisord would refuse it."""
    text, line, sentence = INI[what]
    with pytest.raises(ImportSyntax, match=sentence) as caught:
        imported(supervisord, text)
    assert caught.value.where == f"file:{line}"


PROCESS = {
    "a command for the shell": ("command: 'a | b $$X $Y'", {"command": "a | b $X $Y"}, []),
    "words": ("entrypoint: [a, 'b c']", {"command": ["a", "b c"]}, []),
    "restarts": (
        "command: x\navailability: {restart: on_failure, backoff_seconds: 2, max_restarts: 3}",
        {
            "command": "x",
            "restart": {
                "policy": "on-failure", "delay": 2, "factor": 1, "max_delay": 30, "burst": 3, "cooldown": "never",
            },
        },
        ["not over the whole run"],
    ),
    "ends all by its failure": (
        "command: x\navailability: {restart: exit_on_failure, exit_on_skipped: true}",
        {"command": "x", "critical": True},
        ["exit_on_skipped: has no counterpart"],
    ),
    "asked by a command": (
        "command: x\nreadiness_probe: {exec: {command: y, working_dir: z}, period_seconds: 1}",
        {"command": "x", "health": {"exec": "y", "interval": 1, "timeout": 1}},
        ["runs where the service does"],
    ),
    "asked by HTTP": (
        "command: x\nreadiness_probe: {http_get: {port: 80, path: a, status_code: 204}, initial_delay_seconds: 50}",
        {
            "command": "x",
            "health": {
                "http": "http://127.0.0.1:80/a", "status": 204, "start_period": 50, "interval": 10, "timeout": 1,
            },
            "ready_timeout": 80,
        },
        [],
    ),
    "a line of its log": ("command: x\nready_log_line: up", {"command": "x", "health": {"log": "up"}}, []),
    "how it is stopped": (
        "command: x\nshutdown: {command: y, signal: 15, timeout_seconds: 3, parent_only: true}",
        {"command": "x", "stop": {"command": "y", "signal": "TERM", "grace": 3}},
        ["parent_only"],
    ),
    "the rest": (
        "command: x\nworking_dir: a\nreplicas: 2\nsuccess_exit_codes: [3]\nis_tty: true",
        {"command": "x", "directory": "a", "replicas": 2, "success_exit_codes": [0, 3]},
        ["no terminal"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("summary", PROCESS)
def test_a_key_of_a_process(summary):
    """The service in the profile's own keys."""
    text, expected, told = PROCESS[summary]
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    found = imported(process_compose, f"processes:\n  a:\n{indented}")
    assert found.services["a"] == expected
    assert len(losses(found)) == len(told)
    for loss, part in zip(losses(found), told, strict=True):
        assert part in loss


def test_conditions_of_process_compose():
    """Who is waited for to end is a task, and its probe is lost."""
    found = imported(
        process_compose,
        """
processes:
  a:
    command: x
    depends_on:
      b: {condition: process_completed}
      c: {condition: process_log_ready}
      d: {}
  b: {command: x, ready_log_line: y}
  c: {command: x, ready_log_line: y}
  d: {command: x}
""",
    )
    assert found.services["a"]["depends_on"] == {"b": "exited", "c": "healthy", "d": "started"}
    assert found.services["b"] == {"kind": "task", "command": "x"}
    assert "a task has none" in losses(found)[0]


def test_without_expansion_a_dollar_is_a_dollar():
    """`disable_env_expansion: true`."""
    found = imported(
        process_compose, "disable_env_expansion: true\nprocesses:\n  a: {command: 'x $$', environment: ['A=${B}']}\n"
    )
    assert found.services["a"] == {"command": "x $$", "env": {"A": "$${B}"}}


def test_comments_of_a_procfile_stay_where_they_stood():
    """At the head, above an entry, at the end."""
    found = imported(procfile, "# head\n\n# a\n\n# b\nweb: x\n# c\nworker: y\n\n\n# end\n")
    assert found.head == ("# head", "", "# a")
    assert found.above == {"web": ("# b",), "worker": ("# c",)}
    assert found.foot == ("# end",)


def test_the_ports_of_a_procfile_are_honchos():
    """From the `PORT` of the `.env` file on."""
    assert [one["port"] for one in imported(procfile, "a: x\nb: y\n").services.values()] == [5000, 5100]
    found = imported(procfile, "a: x\nb: y\n", dotenv="PORT=7000\n", folder="sub")
    assert [one["port"] for one in found.services.values()] == [7000, 7100]
    assert found.settings == {"on_exit": "stop", "env_file": ["sub/.env"]}
    assert found.defaults == {"directory": "sub", "restart": "no", "stop": {"grace": 5}}


def test_every_broken_line_of_a_procfile_is_told():
    """Number and text."""
    with pytest.raises(ProblemsFound) as caught:
        imported(procfile, "a: x\nnonsense\na: y\n")
    assert [str(problem) for problem in caught.value.problems] == [
        "file:2: not of the form `name: command`: nonsense",
        "file:3: `a` stands twice, first in line 1: a: y",
    ]


def test_a_command_with_a_reference_of_ours_is_told():
    """To the shell it was a bad substitution; launcher would put something in."""
    assert losses(imported(procfile, "a: echo '${profile.name}'\n")) == [
        "W6102 file:1: a: launcher puts a value of its own in place of ${profile.name}"
    ]
