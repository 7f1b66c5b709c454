"""How a launch becomes a process, and the sentences when it can't."""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.local import LocalEngine
from launcher.errors import CommandNotFound, FolderMissing, LauncherError, NotExecutable, SpawnFailed
from launcher.orchestrator.events import Exited, Spawned, SpawnRefused
from launcher.orchestrator.orders import Run
from launcher.profile.model import Limits
from tests.engines.world import Events, Memory, launch, python

WEB = Run("web.1", 1)
PATH = {"PATH": "/usr/bin:/bin"}

REFUSED: dict[str, tuple[dict[str, Any], type[LauncherError], str]] = {
    "argv not found": (
        {"argv": ("gunicorn", "x"), "env": PATH},
        CommandNotFound,
        "command not found: gunicorn (PATH of the service: /usr/bin:/bin)",
    ),
    "simple shell command not found": (
        {"shell": "gunicorn x", "env": {"PATH": "/nowhere"}},
        CommandNotFound,
        "command not found: gunicorn (PATH of the service: /nowhere)",
    ),
    "no such file": ({"argv": ("./serve",)}, CommandNotFound, "no such file: ./serve"),
    "no such file for the shell": ({"shell": "./serve --fast"}, CommandNotFound, "no such file: ./serve"),
    "not executable": ({"argv": ("./plain",)}, NotExecutable, "not executable: ./plain"),
    "a directory": ({"argv": ("./folder",)}, NotExecutable, "not executable: ./folder"),
    "no first line": (
        {"argv": ("./bare",)},
        NotExecutable,
        "./bare is neither a program nor a script with an interpreter (#!)",
    ),
    "directory missing for the shell": (
        {"shell": "cd x; y", "directory": "/no/such"},
        FolderMissing,
        "no such directory: /no/such",
    ),
    "words with a parameter not found": (
        {"shell": "gunicorn $X", "env": PATH},
        CommandNotFound,
        "command not found: gunicorn (PATH of the service: /usr/bin:/bin)",
    ),
    "interpreter missing": (
        {"argv": ("./script",)},
        CommandNotFound,
        "the interpreter in the first line (#!) of ./script does not exist",
    ),
    "directory missing": ({"argv": ("true",), "directory": "/no/such"}, FolderMissing, "no such directory: /no/such"),
    "unknown user": ({"argv": ("true",), "user": "nobody-at-all"}, SpawnFailed, "no such user: nobody-at-all"),
    "zero byte": ({"argv": ("true", "\0")}, SpawnFailed, "embedded null byte"),
    "too long": ({"argv": ("true", "x" * 10_000_000)}, SpawnFailed, "Argument list too long"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of every kind that can't be executed."""
    (tmp_path / "plain").write_text("")
    (tmp_path / "folder").mkdir()
    for name, text in {"bare": "hello", "script": "#!/no/such/interpreter\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_start_is_refused_with_a_sentence(
    local: LocalEngine, events: Events, folder: Path, case: tuple[dict[str, Any], type[LauncherError], str]
) -> None:
    """It names the service and what to look at, and no process appears."""
    what, kind, sentence = case
    local.start(launch(**{"directory": str(folder), **what}))
    refused = events.next()
    assert isinstance(refused, SpawnRefused)
    assert type(refused.error) is kind
    assert str(refused.error) == f'cannot start "web": {sentence}'


def test_only_root_becomes_somebody_else(local: LocalEngine, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before it is tried."""
    other = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, os.geteuid()))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    local.start(launch(argv=("true",), user=other.pw_name))
    refused = events.next()
    assert isinstance(refused, SpawnRefused)
    assert str(refused.error) == f'cannot start "web": only root can run it as user {other.pw_name}'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_a_user_comes_with_all_of_its_groups(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Number, group and further groups are those of the user's own login."""
    entry = pwd.getpwnam("nobody")
    local.start(launch(shell="id -u; id -g; id -G", user="nobody"))
    events.until(Exited)
    user, group, groups = sink.output[WEB].decode().splitlines()
    assert (int(user), int(group)) == (entry.pw_uid, entry.pw_gid)
    assert set(map(int, groups.split())) == set(os.getgrouplist("nobody", entry.pw_gid))


@pytest.mark.parametrize(("more", "stands"), [("", False), ("; exit", True)], ids=["simple", "not-simple"])
def test_no_shell_is_left_standing_in_front_of_a_simple_command(
    local: LocalEngine, events: Events, sink: Memory, *, more: str, stands: bool
) -> None:
    """The process is the program itself, where that changes nothing."""
    local.start(launch(shell=shlex.join(python("import os; print(os.getpid())")) + more))
    pid = events.until(Spawned).pid
    events.until(Exited)
    assert (int(sink.output[WEB]) != pid) is stands


def test_a_script_without_a_first_line_is_run_by_the_shell(
    local: LocalEngine, events: Events, sink: Memory, folder: Path
) -> None:
    """As it is when typed there, though the words are plain and executed first."""
    (folder / "bare").write_text("echo it ran with $1")
    local.start(launch(shell="./bare this", directory=str(folder)))
    assert events.until(Exited).code == 0
    assert sink.output[WEB] == b"it ran with this\n"


@pytest.mark.parametrize("what", [{"argv": ("id", "-u")}, {"shell": "id -u"}], ids=["argv", "shell"])
def test_without_a_path_the_shell_s_own_is_searched(
    local: LocalEngine, events: Events, sink: Memory, what: dict[str, Any]
) -> None:
    """Also where no shell is asked."""
    local.start(launch(**what, env={}))
    assert events.until(Exited).code == 0
    assert sink.output[WEB] == f"{os.geteuid()}\n".encode()


@pytest.mark.parametrize("what", [{"argv": ("sh", "-c", "ulimit -n; ulimit -d")}, {"shell": "ulimit -n; ulimit -d"}])
def test_limits_hold_for_argv_and_shell(local: LocalEngine, events: Events, sink: Memory, what: dict[str, Any]) -> None:
    """Open files by number, data memory in KB of 1024."""
    local.start(launch(**what, limits=Limits(open_files=99, memory=512 << 20)))
    assert events.until(Exited).code == 0
    assert sink.output[WEB] == b"99\n524288\n"


def test_a_limit_beyond_what_is_allowed_ends_the_start(local: LocalEngine, events: Events, sink: Memory) -> None:
    """The program isn't run without it; the shell says why."""
    local.start(launch(argv=("echo", "ran"), limits=Limits(open_files=10**15)))
    assert events.until(Exited).code != 0
    assert b"limit" in sink.output[WEB]
    assert b"ran" not in sink.output[WEB]


def test_the_environment_is_the_launchs_and_the_mark(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Nothing is added but our mark, after those of the launchers around us."""
    env = {"A": "1", "LAUNCHER_MARK": "outer:x.1:7"}
    local.start(launch(argv=("/usr/bin/env",), env=env, generation=3))
    events.until(Exited)
    first, second = sorted(sink.output[Run("web.1", 3)].decode().splitlines())
    assert first == "A=1"
    assert second.startswith("LAUNCHER_MARK=outer:x.1:7 ")
    assert second.endswith(":web.1:3")


def test_words_reach_the_program_as_they_are(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Through the shell that sets limits, too."""
    words = ("a b", "$HOME", "*", "'", '"', "", "\n", "-n")
    local.start(launch(argv=(*python("import sys; print(sys.argv[1:])"), *words), limits=Limits(open_files=99)))
    events.until(Exited)
    assert sink.output[WEB].decode() == f"{list(words)}\n"
