"""Logs, checks and redaction from the command line: what a service prints, where it can be read, and what cannot."""

from __future__ import annotations

import json

import pytest

SECRET = "hunter2-hunter2"
PROFILE = """
[launcher]
env_file = [".env"]
secret = ["MINE"]
log = { levels = { probes = "debug" } }
[env]
URL = "redis://user:url-password@host/0"
[services.api]
command = "echo token $API_TOKEN; echo mine $MINE, url $URL; echo plain; touch printed; exec sleep 60"
health = { exec = "test -e printed && echo answer $API_TOKEN", interval = 0.2 }
[services.web]
command = "echo web; exec sleep 60"
depends_on = ["api"]
"""


@pytest.fixture
def shop(project):
    """A project whose services print what they should not."""
    project.profile(PROFILE)
    project.file(".env", f"API_TOKEN={SECRET}\nMINE=my-own-value\n")
    return project


def everything_in(project):
    """What stands in any file of the run folder."""
    files = [path for path in (project.root / ".launcher").rglob("*") if path.is_file()]
    return {path.name for path in files}, b"".join(path.read_bytes() for path in files)


@pytest.mark.slow
def test_no_secret_is_found_anywhere(shop):
    """On the terminal, in a log, in the kept state, in the answer of any command."""
    running = shop.start()
    running.until("all ready")
    answers = [
        shop.run(*command.split()).stdout
        for command in (
            "status", "status --json", "logs", "logs --json", "why api", "probe api", "plan --json", "plan",
            "config show",
        )
    ]  # fmt: skip
    running.stop()
    names, kept = everything_in(shop)
    assert {"launcher.log", "state.json", "api.1.log", "web.1.log"} <= names
    everything = "".join([running.output, *answers, kept.decode(errors="replace")])
    for secret in (SECRET, "my-own-value", "url-password"):
        assert secret not in everything
    assert "token ***" in running.output
    assert "mine ***, url redis://***@host/0" in running.output
    assert all("***" in answer for answer in (answers[1], answers[2], answers[4], answers[5]))


@pytest.mark.slow
def test_a_service_is_probed_now(shop):
    """The probe, its answer and the time it took; exit status 0 when healthy, 1 when not, 2 for a wrong name."""
    running = shop.start()
    running.until("all ready")
    well = shop.run("probe", "api")
    assert well.returncode == 0, well.stderr
    assert well.stdout.startswith("api is healthy by exec test -e printed && echo answer $API_TOKEN (")
    assert " ms): exit code 0\nanswer ***\n" in well.stdout
    (shop.root / "printed").unlink()
    ill = shop.run("probe", "api")
    assert ill.returncode == 1
    assert "exit code 1" in ill.stdout
    assert shop.run("probe", "web").stdout == "web is healthy: runs; it has no health check\n"
    assert "E2003" in (wrong := shop.run("probe", "wep")).stderr
    assert wrong.returncode == 2
    running.stop()
    assert shop.run("probe", "api").returncode == 3


@pytest.mark.slow
def test_logs_are_found_by_time_and_by_text(shop):
    """While it runs and after; a bad expression or duration is said."""
    running = shop.start()
    running.until("all ready")
    running.stop()
    found = shop.run("logs", "--since", "10m", "--grep", "^(plain|web)$")
    assert [line.partition(" ")[2] for line in found.stdout.splitlines()] == ["api | plain", "web | web"]
    assert shop.run("logs", "--grep", "plain", "web").stdout == ""
    assert shop.run("logs", "-n", "1", "api").stdout.endswith("api | plain\n")
    objects = [json.loads(line) for line in shop.run("logs", "--json", "--since", "1h", "api").stdout.splitlines()]
    assert [one["message"] for one in objects] == ["token ***", "mine ***, url redis://***@host/0", "plain"]
    assert {(one["service"], one["instance"], one["event"]) for one in objects} == {("api", "api.1", "output")}
    for wrong in (("--since", "yesterday"), ("--grep", "(")):
        answer = shop.run("logs", *wrong)
        assert answer.returncode == 2
        assert wrong[0] in answer.stderr


@pytest.mark.slow
def test_what_is_printed_can_be_json(shop):
    """Every line, to the error at the end; the flag wins over the profile."""
    shop.profile(
        "[launcher.log]\nformat = 'json'\n[services.api]\ncommand = 'echo hello; exit 3'\nready_timeout = 1\n"
        "health = { exec = 'false' }\nrestart = 'no'\n",
        "bad",
    )
    running = shop.start("bad")
    assert running.end() == 4
    lines = [json.loads(line) for line in running.output.splitlines()]
    assert [one["event"] for one in lines if one["event"] in {"output", "failed", "error"}] == [
        "output",
        "failed",
        "error",
    ]
    assert lines[-1]["code"] == "E3006"
    assert lines[-1]["remedy"]
    plain = shop.start("bad", "--log-format", "text")
    plain.until(r"system \| api stopped \(rc=3\)")
    assert plain.end() == 4
    own = [json.loads(line) for line in (shop.root / ".launcher" / "bad" / "launcher.log").read_bytes().splitlines()]
    assert [one["event"] for one in own].count("failed") == 2
    assert own[-1]["code"] == "E3006"


@pytest.mark.slow
def test_errors_hold_no_secret(project):
    """Nor does a traceback, where one is asked for."""
    project.environ["API_TOKEN"] = SECRET
    project.profile(f"[services.{SECRET}!]\ncommand = 'x'\n")
    for flags in ((), ("--debug",)):
        answer = project.run("plan", *flags)
        assert answer.returncode == 2
        assert "***" in answer.stderr
        assert SECRET not in answer.stderr
