"""What the words of a command line mean."""

from __future__ import annotations

import pytest

from launcher.cli.main import main
from launcher.cli.parser import TEXTS, parse
from launcher.cli.sentences import describe
from launcher.cli.target import start_target
from launcher.errors import AmbiguousName, ProblemsFound, UnknownKey, UnknownService, Usage


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAUNCHER_PROFILE", raising=False)
    (tmp_path / "profiles").mkdir()
    services = '[services.api]\ncommand = "a"\n[services.worker]\ncommand = "b"\n[services.full]\ncommand = "c"\n'
    (tmp_path / "profiles" / "dev.toml").write_text(services, encoding="utf-8")
    (tmp_path / "profiles" / "prod.toml").write_text('[services.api]\ncommand = "a"\n', encoding="utf-8")
    (tmp_path / "profiles" / "full.toml").write_text('[services.api]\ncommand = "a"\n', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "profile", "services"),
    [
        (["start"], "dev", ("api", "worker", "full")),
        (["start", "prod"], "prod", ("api",)),
        (["start", "api"], "dev", ("api",)),
        (["start", "prod", "api"], "prod", ("api",)),
        (["start", "--services", "api,worker"], "dev", ("api", "worker")),
        (["--profile", "prod", "start"], "prod", ("api",)),
        (["start", "--profile", "dev", "full"], "dev", ("full",)),
    ],
)
def test_the_first_word_may_name_the_profile(project, words, profile, services):
    """A word that names a profile and no service is the profile; all others are services."""
    target = start_target(parse(words))
    assert (target.profile, target.services) == (profile, services)
    assert target.folder == project / ".launcher" / profile


def test_a_word_that_is_both_is_an_error_that_says_which_flag_to_use(project):
    """`full` is a profile and a service of dev."""
    with pytest.raises(AmbiguousName) as caught:
        start_target(parse(["start", "full"]))
    assert "--profile" in caught.value.remedy


def test_an_unknown_service_names_the_nearest(project):
    """Before anything is started."""
    with pytest.raises(UnknownService, match="did you mean `worker`"):
        start_target(parse(["start", "wroker"]))


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        (["dev"], "start", ["dev"]),
        ([], "start", []),
        (["--set", "a=1", "dev"], "start", ["dev"]),
        (["status"], "status", []),
        (["up", "dev"], "start", ["dev"]),
    ],
)
def test_launch_starts_what_is_no_command(words, command, rest):
    """`launch dev` is `launch start dev`."""
    args = parse(words, launch=True)
    assert (args.command, args.words) == (command, rest)


def test_flags_may_stand_on_either_side():
    """Before or after the command, and both sides keep what they said."""
    args = parse(["-C", "/a", "start", "--profile", "x", "--set", "b=1"])
    assert (args.directory, args.profile, args.set) == ("/a", "x", ["b=1"])


def test_an_unknown_command_is_bad_usage():
    """With the way to the help."""
    with pytest.raises(Usage) as caught:
        parse(["strat"])
    assert "--help" in caught.value.remedy


@pytest.mark.parametrize("command", TEXTS)
def test_every_command_has_help(command, capsys):
    """A line, what it does, its flags."""
    with pytest.raises(SystemExit) as ended:
        parse([command, "--help"])
    assert ended.value.code == 0
    assert "where and how" in capsys.readouterr().out


def test_an_error_is_told_with_code_place_and_remedy():
    """Several are told one after the other."""
    error = UnknownKey("services.a.prot: unknown key", where="dev.toml:3", remedy="Use `port`.")
    assert describe(error) == "E1004 dev.toml:3: services.a.prot: unknown key\n      Use `port`.\n"
    assert describe(ProblemsFound([error, error])) == describe(error) * 2


def test_a_fault_of_ours_is_one_line_that_asks_for_a_report(capsys, monkeypatch):
    """Status 70, and no traceback without --debug."""
    monkeypatch.setattr("launcher.cli.parser.parse", lambda *_, **__: 1 / 0)
    assert main(["status"]) == 70
    assert "E9999 ZeroDivisionError" in capsys.readouterr().err


def test_explain_knows_every_code(capsys):
    """With cause and remedy; an unknown one is bad usage."""
    assert main(["explain", "E1004"]) == 0
    assert "What to do:" in capsys.readouterr().out
    assert main(["explain", "1"]) == 2
