"""honcho's words in a project with profiles, and what the other commands make of a Procfile."""

from __future__ import annotations

import json

import pytest

from launcher.cli.parser import parse
from launcher.errors import Usage

pytestmark = pytest.mark.slow

PROFILE = """
[launcher]
env_file = ["shop.env"]
[env]
GREETING = "hello ${WHO}"
[services.api]
command = "exit 4"
port = 9123
env = { COLOUR = "red" }
[services.worker]
command = "exit 5"
"""


@pytest.fixture
def shop(project):
    project.profile(PROFILE)
    project.file("shop.env", "WHO='world'\n")
    project.file("Procfile", "web: echo from the Procfile $WHO\n")
    project.file(".env", "WHO=nobody\n")
    return project


def test_check_of_a_profile_is_config_check(shop):
    """With -f it is honcho's again."""
    assert shop.run("check").stdout == shop.run("config", "check").stdout == "dev is well: 2 services in 1 layer\n"
    assert "Valid procfile detected (web)" in shop.run("check", "-f", "Procfile").stderr


def test_a_procfile_is_run_where_it_is_named(shop):
    """Its env file is honcho's, and not the profile's."""
    ended = shop.run("start", "-f", "Procfile", "--no-prefix")
    assert "from the Procfile nobody\n" in ended.stdout
    assert ended.returncode == 0


def test_a_procfile_and_a_profile_exclude_each_other(shop):
    """One of them is meant."""
    ended = shop.run("start", "-f", "Procfile", "--profile", "dev")
    assert ended.returncode == 2
    assert "E9006" in ended.stderr


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["run", "printenv", "GREETING"], "hello world\n"),
        (["run", "printenv", "COLOUR"], ""),
        (["run", "--service", "api", "printenv", "GREETING", "COLOUR", "PORT"], "hello world\nred\n9123\n"),
        (["run", "-e", "other.env", "printenv", "GREETING"], "hello others\n"),
        (["run", "--set", "env.GREETING='hi'", "printenv", "GREETING"], "hi\n"),
        (["run", "-f", "Procfile", "printenv", "WHO"], "nobody\n"),
        (["run", "-f", "Procfile", "--service", "web", "printenv", "PORT", "HONCHO_PROCESS_NAME"], "5000\nweb.1\n"),
    ],
)
def test_run_has_the_environment_of_the_source(shop, words, out):
    """[env] over the env files of a profile; a service's own with --service."""
    shop.file("other.env", "WHO=others\n")
    ended = shop.run(*words)
    assert (ended.stdout, ended.returncode) == (out, 0 if out else 1), ended.stderr


def planned(project, *words):
    plan = json.loads(project.run("plan", "--json", *words).stdout)
    return {name: one.get("port") for name, one in plan["instances"].items()}


def test_a_profile_takes_numbers_and_env_files(shop):
    """-c sets replicas, -e the env files."""
    ended = shop.run("start", "-c", "api=2", "api")
    assert {"api.1 started", "api.2 started"} <= {line.partition(" (")[0].partition("| ")[2] for line in lines(ended)}
    assert shop.run("start", "-e", "none.env").stderr.startswith("E1010 ")


def test_a_profile_has_no_first_port(shop):
    """Each of its services has its own."""
    ended = shop.run("start", "-p", "7000")
    assert ended.returncode == 2
    assert "services.NAME.port" in ended.stderr


def lines(ended):
    return ended.stdout.splitlines()


def test_plan_knows_the_procfile(shop):
    """And counts its ports as a start would."""
    shop.file("dev", "web: x\nworker: y\n")
    assert planned(shop, "-f", "dev") == {"web.1": 5000, "worker.1": 5100}


def test_other_commands_find_what_runs(shop):
    """By the Procfile's name, before the command; alone it needs no name."""
    shop.file("ops/dev", "web: echo up; exec sleep 600\n")
    running = shop.start("-f", "ops/dev")
    running.until("up")
    assert shop.run("-f", "ops/dev", "status").stdout.startswith("ops-dev  ")
    assert shop.run("status").stdout.startswith("ops-dev  ")
    assert shop.run("-f", "dev", "status").returncode == 3
    assert shop.run("stop").returncode == 0
    assert running.end() == 0


def test_a_second_start_joins(shop):
    """Another terminal starts what is missing, and its Ctrl-C leaves."""
    shop.file("dev", "web: echo up web $PORT; exec sleep 600\nworker: echo up worker $PORT; exec sleep 600\n")
    first = shop.start("-f", "dev", "worker")
    first.until("up worker 5000")
    second = shop.start("-f", "dev", "web")
    first.until("up web 5100")
    second.until("web.1 started")
    second.stop()
    assert set(shop.status()) == {"web.1", "worker.1"}
    assert first.stop() == 130


def test_a_command_of_the_procfile_goes_on_in_the_background(shop):
    """--detach is ours, and works on a Procfile too."""
    shop.file("dev", "web: exec sleep 600\n")
    assert shop.run("start", "-f", "dev", "--detach", "--wait").returncode == 0
    assert shop.status()["web.1"]["state"] == "ready"
    assert shop.run("stop").returncode == 0


@pytest.mark.parametrize("command", ["logs", "status", "stop", "why", "explain"])
def test_f_after_other_commands_is_theirs(command):
    """`logs -f` follows; those that have no -f refuse it."""
    if command == "logs":
        assert parse(["-f", "dev", "logs", "-f"]).follow
        assert parse(["-f", "dev", "logs", "-f"]).procfile == "dev"
    else:
        with pytest.raises(Usage):
            parse([command, "-f", "dev"])


@pytest.mark.parametrize(
    "equal",
    [
        (["start", "-f", "dev"], ["-f", "dev", "start"]),
        (["start", "--no-prefix", "--no-colour"], ["--no-prefix", "start", "--no-colour"]),
        (["check", "-e", "a", "-d", "b"], ["--env", "a", "--app-root", "b", "check"]),
        (["run", "-e", "a", "x", "-e", "b"], ["-e", "a", "run", "x", "-e", "b"]),
    ],
)
def test_flags_before_and_after_the_command_are_the_same(equal):
    """As with honcho."""
    before, after = map(parse, equal)
    assert before == after


@pytest.mark.parametrize("text", ["web", "web=", "=2", "web=x", "web=-1"])
def test_a_broken_concurrency(shop, text):
    """Is told with what was written."""
    ended = shop.run("start", "-f", "Procfile", "-c", text)
    assert ended.returncode == 2
    assert f"--concurrency {text}" in ended.stderr
