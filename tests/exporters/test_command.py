"""`launcher export` as people type it."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervisor.options import UnhosedConfigParser

from launcher.exporters.handover import Handover, digest, read
from tests.conftest import ProjectFolder
from tests.exporters.runners import BIN, environ

pytestmark = pytest.mark.slow

PROFILE = """
    [services.web]
    command = ["serve", "100%"]
    port = 8000

    [services.web.health]
    http = "/healthz"

    [services.migrate]
    command = "migrate now"
    kind = "task"
"""


@pytest.fixture
def project() -> Iterator[ProjectFolder]:
    """An empty project in a short path: supervisord's socket holds some 90 bytes."""
    with tempfile.TemporaryDirectory(prefix="le-") as root:
        yield ProjectFolder(Path(root))


@pytest.fixture
def run(project: ProjectFolder, tmp_path: Path):
    """Run `launcher export …` in a project with one profile."""
    project.profile("dev", PROFILE)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "launcher", "export", *words],
            cwd=project.root,
            env=environ(tmp_path),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_without_location_it_prints(run) -> None:
    """The file on standard output, what is lost on standard error."""
    done = run("procfile")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["release: migrate now", "web: exec serve 100%"]
    assert "W6007 a Procfile has no http probe: service web\n" in done.stderr


def test_several_files_have_a_header_each(run, project: ProjectFolder) -> None:
    """So that they can be told apart."""
    heads = [line for line in run("systemd", "--app", "x").stdout.splitlines() if line.startswith("==> ")]
    assert heads == ["==> x.target <==", "==> x-web.service <==", "==> x-migrate.service <=="]


def test_location_is_written_and_checked(run, project: ProjectFolder) -> None:
    """Each file is printed; then --check agrees until the profile changes, and shows how they differ."""
    done = run("systemd", "deploy/units", "--app", "x")
    assert done.stdout.splitlines() == [
        f"deploy/units/x{rest}" for rest in (".target", "-web.service", "-migrate.service")
    ]
    assert run("systemd", "deploy/units", "--app", "x", "--check").returncode == 0
    project.profile("dev", PROFILE.replace("100%", "50%"))
    done = run("systemd", "deploy/units", "--app", "x", "--check")
    assert done.returncode == 1
    assert '\n-ExecStart=/bin/sh -c "exec \\"$$@\\"" sh serve "100%%"\n' in done.stdout
    assert '\n+ExecStart=/bin/sh -c "exec \\"$$@\\"" sh serve "50%%"\n' in done.stdout
    assert "E6009 out of date: deploy/units/x-web.service" in done.stderr


def test_missing_file_is_out_of_date(run) -> None:
    """What was never exported isn't up to date."""
    done = run("procfile", "Procfile", "--check")
    assert done.returncode == 1
    assert "+web: exec serve 100%" in done.stdout


def test_export_again_overwrites_what_was_exported(run, project: ProjectFolder) -> None:
    """And leaves nothing else behind."""
    run("compose", "out")
    project.profile("dev", PROFILE.replace("100%", "50%"))
    assert run("compose", "out").returncode == 0
    assert [path.name for path in (project.root / "out").iterdir()] == ["compose.yaml"]
    assert "50%" in (project.root / "out" / "compose.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "code"), [("web: mine\n", "E6004"), (None, "E6003"), ("", "E6004"), (b"\xff\xfe", "E6004")]
)
def test_what_a_person_wrote_is_not_overwritten(run, project: ProjectFolder, text: str | None, code: str) -> None:
    """Unless that is asked for. `None`: an export that was edited."""
    place = project.root / "Procfile"
    if text is None:
        run("procfile", "Procfile")
        text = place.read_text() + "# mine\n"
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = place.read_bytes()
    done = run("procfile", "Procfile", "--profile", "dev")
    assert (done.returncode, done.stderr.split("\n")[-3][:5]) == (1, code), done.stderr
    assert place.read_bytes() == before
    assert run("procfile", "Procfile", "--profile", "dev", "--force").returncode == 0
    assert run("procfile", "Procfile", "--profile", "dev", "--check").returncode == 0


def test_location_that_is_a_file(run, project: ProjectFolder) -> None:
    """A folder is needed; the file stays."""
    project.write("out", "mine")
    done = run("systemd", "out")
    assert done.returncode == 1
    assert "E6002 cannot export into out: it is a file, not a folder" in done.stderr
    assert "E6002 cannot" in run("systemd", "out/below").stderr
    assert "E6002 cannot" in run("compose", "/proc/nowhere").stderr


def test_strict_makes_losses_errors(run) -> None:
    """And writes nothing."""
    done = run("procfile", "--strict")
    assert (done.returncode, done.stdout) == (2, "")
    assert "E6007 a Procfile has no http probe: service web" in done.stderr


def test_unknown_format_names_the_nearest(run) -> None:
    """A slip of the finger gets the name that was meant."""
    done = run("supervisor")
    assert done.returncode == 2
    assert 'E6001 no format "supervisor", did you mean `supervisord`?' in done.stderr


@pytest.mark.parametrize("flag", ["-t=x", "-l=x", "-s=x"])
def test_flag_without_effect_is_told(run, flag: str) -> None:
    """Whoever gives one expects something of it."""
    name, _, value = flag.partition("=")
    done = run("procfile", name, value)
    assert (done.returncode, "has no effect on procfile" in done.stderr) == (2, True)


def test_secrets_are_for_files_of_mode_0600(run, project: ProjectFolder) -> None:
    """Withheld without the flag, and with it never on a terminal."""
    project.profile("dev", PROFILE + '\n[env]\nAPI_TOKEN = "hush hush"\n')
    done = run("supervisord")
    assert "hush" not in done.stdout + done.stderr
    assert "W6011 API_TOKEN is secret" in done.stderr
    done = run("supervisord", "--with-secrets")
    assert (done.returncode, "hush" in done.stdout + done.stderr) == (2, False)
    assert "E6005" in done.stderr
    assert run("supervisord", "out", "--with-secrets").returncode == 0
    assert stat.S_IMODE((project.root / "out" / "launcher.plan").stat().st_mode) == 0o600
    place = project.root / "out" / "supervisord.conf"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "hush hush" in place.read_text()
    project.profile("dev", PROFILE)
    done = run("supervisord", "out", "--with-secrets", "--check")
    assert "hush" not in done.stdout or done.returncode == 1


def test_password_in_a_command_is_refused(run, project: ProjectFolder) -> None:
    """The error doesn't show it either."""
    project.profile("dev", PROFILE.replace("migrate now", "migrate redis://u:hush@h"))
    done = run("procfile")
    assert done.returncode == 2
    assert "E6005 services.migrate.command holds a password: migrate redis://***@h" in done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_mark_says_how_to_export_again(run) -> None:
    """With the flags that matter, and no word on where this machine has things."""
    done = run("supervisord", "--app", "x", "-u", "me", "--plain")
    assert done.stdout.startswith(
        "# Generated by `launcher export supervisord --profile dev --app x --user me --plain`;"
    )


def test_nothing_inherited_is_baked(run, project: ProjectFolder) -> None:
    """A reference to the environment stays one."""
    project.profile("dev", PROFILE + '\n[env]\nWHO = "${HOME}"\n')
    done = run("systemd")
    assert "${HOME" in done.stdout
    assert f"={Path.home()}\n" not in done.stdout


def test_procfile_is_exported_as_honcho_does_it(project: ProjectFolder, tmp_path: Path) -> None:
    """The same files, and the same line for each on standard error."""
    project.procfile("web: serve $PORT\njob: work 'a b'\n")
    project.write(".env", "MODE=x\n")
    words = [
        "supervisord",
        "OUT",
        "-a",
        "app",
        "-c",
        "job=2",
        "-p",
        "7000",
        "-u",
        "me",
        "-l",
        "/logs",
        "-s",
        "/bin/bash",
    ]
    written = []
    for command in ([sys.executable, "-m", "launcher"], [str(BIN / "honcho")]):
        out = f"out{len(written)}"
        done = subprocess.run(
            [*command, "export", *(out if word == "OUT" else word for word in words)],
            cwd=project.root,
            env=environ(tmp_path),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stderr.rstrip().endswith(f"[INFO] Writing '{out}/app.conf'")
        written.append((project.root / out / "app.conf").read_text())
    assert written[0] == written[1]


def test_procfile_of_a_procfile_loses_nothing(project: ProjectFolder, tmp_path: Path) -> None:
    """It comes back as it was, with no warning."""
    project.procfile("web: serve $PORT\njob: work 'a b'\n")
    done = subprocess.run(
        [sys.executable, "-m", "launcher", "export", "procfile"],
        cwd=project.root, env=environ(tmp_path), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert (done.stdout.split("\n", 1)[1], done.stderr) == ("web: serve $PORT\njob: work 'a b'\n", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nothing", "out"], "E6001"),
        (["systemd", "out", "-p", "x"], "E9006"),
        (["systemd", "out", "-c", "web"], "E9006"),
        (["systemd", "out", "-t", "nowhere"], "E6010"),
        (["systemd", "Procfile"], "E6002"),
    ],
)
def test_procfile_export_goes_wrong_in_a_sentence(
    project: ProjectFolder, tmp_path: Path, words: list[str], code: str
) -> None:
    """Where honcho shows a traceback."""
    project.procfile("web: serve\n")
    done = subprocess.run(
        [sys.executable, "-m", "launcher", "export", *words],
        cwd=project.root, env=environ(tmp_path), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert done.stderr.split("\n")[-3].startswith(code), done.stderr


def test_every_code_is_explained(project: ProjectFolder) -> None:
    """`launcher explain W6007` tells what a warning means."""
    for code in ("W6007", "W6008", "W6011", "E6003"):
        done = subprocess.run(
            [sys.executable, "-m", "launcher", "explain", code], capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, "What to do:" in done.stdout) == (0, True), json.dumps(done.stderr)


def test_full_form_is_one_decider(run, project: ProjectFolder) -> None:
    """Supervisord's own parser reads it, and finds nothing that supervisord would decide."""
    project.profile("dev", PROFILE)
    assert run("supervisord", "out", "--run-dir", str(project.root / "r")).returncode == 0
    conf = UnhosedConfigParser()
    conf.expansions = {"here": str(project.root / "out")}
    conf.read([str(project.root / "out" / "supervisord.conf")])
    programs = [section for section in conf.sections() if section.startswith("program:")]
    assert len(programs) > 1
    for section in programs:
        for key, value in {"autostart": "false", "autorestart": "false", "startsecs": "0", "startretries": "0"}.items():
            assert conf.get(section, key) == value
    agent = conf.saneget("eventlistener:launcher", "command")
    plan = project.root / "out" / "launcher.plan"
    assert shlex.split(agent)[1:] == ["-m", "launcher.cli.agent", str(plan), digest(plan.read_bytes())]
    given = read(plan.read_bytes())
    assert isinstance(given, Handover)
    assert given.run == str(project.root / "r")
    assert {f"program:{name}" for name in given.names.values()} == set(programs)
    assert stat.S_IMODE((project.root / "r").stat().st_mode) == 0o700


def test_full_form_loses_nothing_and_tells_what_it_does_not_spread(run, project: ProjectFolder) -> None:
    """All a profile can ask for is the agent's; its plan holds no secret."""
    project.profile(
        "dev",
        '[services.web]\ncommand = "web"\nstop.command = "bye"\nlimits.open_files = 10\nenv.API_TOKEN = "hush hush"\n',
    )
    done = run("supervisord")
    assert "W6007" not in done.stderr
    assert "W6011 API_TOKEN" in done.stderr
    assert "hush" not in done.stdout + done.stderr
    project.profile(
        "dev", '[services.web]\ncommand = "web"\nhealth = { http = "http://h/", headers.X-Token = "hush" }\n'
    )
    done = run("supervisord")
    assert (done.returncode, "hush" in done.stdout + done.stderr) == (2, False)
    assert "--with-secrets" in done.stderr


@pytest.mark.parametrize("letter", ['"', "\\", "\n"])
def test_full_form_refuses_a_folder_that_supervisord_would_misread(run, project: ProjectFolder, letter: str) -> None:
    """It puts it into the agent's command; nothing is written."""
    project.profile("dev", PROFILE)
    place = f"out{letter}1"
    done = run("supervisord", place, "--run-dir", str(project.root / "r"))
    assert (done.returncode, "supervisord cannot take the path" in done.stderr) == (2, True)
    assert not (project.root / place).exists()
