"""Bad input ends in a sentence, a code and a remedy, with exit status 2: never in a traceback."""

from __future__ import annotations

import socket

import pytest

GOOD = '[services.api]\ncommand = "sleep 60"\n'

BAD = {
    "broken TOML": ('[services.api\ncommand = "x"\n', "E1003", "dev.toml:1"),
    "unknown key": ('[services.api]\ncommand = "x"\nprot = 1\n', "E1004", "did you mean `port`?"),
    "wrong type": ('[services.api]\ncommand = "x"\nreplicas = "two"\n', "E1005", "dev.toml:3"),
    "not in this version": ('[services.api]\ncommand = "x"\nwatch = true\n', "E1006", "dev.toml:3"),
    "cycle": (
        '[services.a]\ncommand = "x"\ndepends_on = ["b"]\n[services.b]\ncommand = "x"\ndepends_on = ["a"]\n',
        "E2002",
        "a → b → a",
    ),
    "self-dependency": ('[services.a]\ncommand = "x"\ndepends_on = ["a"]\n', "E2002", "dev.toml:3"),
    "unknown dependency": (GOOD + '[services.web]\ncommand = "x"\ndepends_on = ["apy"]\n', "E2001", "`api`"),
    "two services on one port": (
        '[services.a]\ncommand = "x"\nport = 8050\n[services.b]\ncommand = "x"\nport = 8050\n',
        "E2004",
        "8050",
    ),
    "missing directory": ('[services.api]\ncommand = "x"\ndirectory = "nowhere"\n', "E1013", "nowhere"),
    "missing env_file": ('[launcher]\nenv_file = ["secrets.env"]\n' + GOOD, "E1010", "secrets.env"),
    "no services": ('[launcher]\nengine = "local"\n', "E2008", ""),
    "app and command": ('[services.api]\ncommand = "x"\napp = "a:b"\n', "E1009", "dev.toml"),
    "two checks": ('[services.api]\ncommand = "x"\nhealth = { exec = "true", log = "up" }\n', "E1009", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("command", [["config", "check"], ["start"]])
def test_a_bad_profile(project, what, command):
    """The code, the place or the name, and a remedy; the same for checking and for starting."""
    text, code, detail = BAD[what]
    project.profile(text)
    answer = project.run(*command)
    assert answer.returncode == 2, answer
    assert code in answer.stderr
    assert detail in answer.stderr
    assert "Traceback" not in answer.stderr


def test_all_problems_of_all_files_are_told_at_once(project):
    """Two files, three problems, sorted by place."""
    project.profile('[services.api]\ncommand = "x"\nprot = 1\n', name="base")
    project.profile('[launcher]\nextends = ["base"]\nmod = "multi"\n[services.web]\ncommand = 3\n')
    answer = project.run("config", "check")
    assert answer.returncode == 2
    assert answer.stderr.count("E10") == 3
    assert answer.stderr.index("base.toml:3") < answer.stderr.index("dev.toml:3") < answer.stderr.index("dev.toml:5")


@pytest.mark.slow
def test_no_such_profile(project):
    """The profiles that exist are named, and the nearest one is suggested."""
    project.profile(GOOD)
    answer = project.run("start", "--profile", "dve")
    assert answer.returncode == 2
    assert "E1001" in answer.stderr
    assert "dev" in answer.stderr


@pytest.mark.slow
def test_a_first_word_that_is_neither_a_profile_nor_a_service(project):
    """The nearest of both is suggested: who can tell which was meant."""
    project.profile(GOOD)
    project.profile(GOOD, name="full")
    answer = project.run("start", "fulll")
    assert answer.returncode == 2
    assert "E2003" in answer.stderr
    assert "did you mean `full`?" in answer.stderr


@pytest.mark.slow
def test_a_directory_as_a_profile(project):
    """It cannot be read, and that is said."""
    (project.root / "profiles" / "dev.toml").mkdir()
    answer = project.run("start")
    assert answer.returncode == 2
    assert "E1002" in answer.stderr


def test_no_project(project, tmp_path_factory):
    """Outside any project."""
    answer = project.run("-C", str(tmp_path_factory.mktemp("empty")), "start")
    assert answer.returncode == 2
    assert "E1016" in answer.stderr


@pytest.mark.slow
def test_a_port_held_by_another_process_names_it(project):
    """Pid and command of the holder."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        project.profile(f'[services.api]\ncommand = "x"\nport = {port}\n')
        answer = project.run("start")
    assert answer.returncode == 2
    assert "E2005" in answer.stderr
    assert f"port {port} is taken by pid" in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "detail"),
    [
        ("no-such-program --flag", "E3001", "no-such-program"),
        ('["no-such-program"]', "E3001", "no-such-program"),
        ("./data.txt", "E3002", "data.txt"),
    ],
)
def test_a_command_that_cannot_be_started(project, command, code, detail):
    """The start-up is rolled back with the reason; exit status 4."""
    project.file("data.txt", "no program")
    value = command if command.startswith("[") else f'"{command}"'
    project.profile(f'[services.api]\ncommand = {value}\nrestart = {{ policy = "no" }}\n')
    answer = project.run("start")
    assert answer.returncode == 4, answer
    assert code in answer.stderr
    assert detail in answer.stderr


@pytest.mark.slow
def test_an_unset_variable_with_a_message(project):
    """The message of ${VAR:?message} is the reason."""
    project.profile(GOOD + 'env = { URL = "${NOWHERE:?say where the database is}" }\nrestart = { policy = "no" }\n')
    answer = project.run("start")
    assert answer.returncode == 4
    assert "E1007" in answer.stderr
    assert "say where the database is" in answer.stderr


def test_debug_shows_the_traceback(project):
    """Only --debug does."""
    project.profile("[services.api\n")
    assert "Traceback" in project.run("--debug", "start").stderr
