"""`run`, `check`, `version` and `help` beside honcho's."""

from __future__ import annotations

import signal

import pytest

from tests.honcho.beside import Beside

pytestmark = pytest.mark.slow

FILES = {".env": "ANIMAL='big giraffe'\n", "a": "ANIMAL=ape\n", "app/.env": "ANIMAL=bee\n"}
RUNS = {
    "the env file": ["run", "printenv", "ANIMAL"],
    "after --": ["run", "--", "printenv", "ANIMAL"],
    "-e before": ["-e", "a", "run", "printenv", "ANIMAL"],
    "-e after": ["run", "-e", "a,none", "printenv", "ANIMAL"],
    "-d": ["run", "-d", "app", "sh", "-c", "printenv ANIMAL; ls -d app"],
    "flags of the command": ["run", "sh", "-c", 'echo "$0:$1"', "-e", "--version"],
    "words that a shell would spoil": ["run", "printf", "%s\\n", "a  b", "$HOME", "'", "*", "`"],
    "both streams": ["run", "sh", "-c", "echo out; echo err >&2"],
    "a code": ["run", "sh", "-c", "exit 42"],
    "a signal": ["run", "sh", "-c", "kill -9 $$"],
    "no command": ["run", "no-such-program"],
    "nothing of a process": ["run", "sh", "-c", 'echo "$PORT$HONCHO_PROCESS_NAME"'],
}


@pytest.mark.parametrize("words", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("procfile", ["", "web: true\n"], ids=["no Procfile", "a Procfile"])
def test_run(beside: Beside, words, procfile):
    """The same output on the same streams, and the command's exit status."""
    for name, text in FILES.items():
        beside.write(name, text)
    if procfile:
        beside.write("Procfile", procfile)
    ours, honchos = beside.ends(*words)
    assert (ours.out, ours.err, ours.status) == (honchos.out, honchos.err, honchos.status)


def test_ctrl_c_is_the_commands(beside: Beside):
    """It gets the signal with us, and we wait for what it makes of it."""
    # honcho ignores the signal a moment after it has started the command, and cannot be asked whether it does yet.
    script = "trap 'echo got it; exit 7' INT; sleep 0.3; echo up; while :; do sleep 0.01; done"
    ours, honchos = (
        each.until("up").send(signal.SIGINT, group=True).end() for each in beside.both("run", "sh", "-c", script)
    )
    assert ours.out == "up\ngot it\n"
    assert (ours.out, ours.err, ours.status) == (honchos.out, honchos.err, honchos.status)


def test_a_command_has_the_terminals_input(beside: Beside):
    """As `launcher run` itself."""
    for each in beside.both("run", "cat"):
        each.say(b"hello\n").until("hello")
        each.process.stdin.close()
        each.process.stdin = None
        assert each.end().status == 0


@pytest.mark.parametrize(
    "words", [["check"], ["check", "-f", "dev"], ["-f", "dev", "check"], ["check", "-d", "app"], ["check", "-e", "b"]]
)
def test_check(beside: Beside, words):
    """The processes, in honcho's words, on standard error."""
    beside.write("Procfile", "foo: x\nbar: y\n")
    beside.write("dev", "web: x\n")
    beside.write("app/Procfile", "app: x\n")
    beside.write("b", "PROCFILE=dev\n")
    ours, honchos = beside.ends(*words)
    assert (ours.out, ours.err, ours.status) == (honchos.out, honchos.err, honchos.status)
    assert "Valid procfile detected" in ours.err


@pytest.mark.parametrize(
    "words", [["version"], ["-v"], ["--version"], ["start", "-v"], ["check", "--version"], ["help"], ["help", "start"]]
)
def test_version_and_help(beside: Beside, words):
    """On standard output, with status 0."""
    ours, honchos = beside.ends(*words)
    assert (ours.err, ours.status) == (honchos.err, honchos.status) == ("", 0)
    assert ours.out.startswith(("launcher ", "usage: launcher "))


@pytest.mark.parametrize("words", [["help", "strat"], ["strat"], ["check", "--nonsense"], []])
def test_bad_usage(beside: Beside, words):
    """Ends with 2."""
    ours, honchos = beside.ends(*words)
    assert (ours.out, ours.status) == (honchos.out, honchos.status) == ("", 2)
