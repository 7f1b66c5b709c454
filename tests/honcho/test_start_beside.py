"""`start`: the launcher prints what honcho prints, where it prints it, and ends as it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest

from tests.e2e.project import PATIENCE
from tests.honcho.beside import Beside, Ended, mask, same

pytestmark = pytest.mark.slow

#: Says who it is and goes on; `end` ends when as many have spoken as it is told, and with it all.
SPEAK = 'echo "$HONCHO_PROCESS_NAME $PORT $ANIMAL"; echo x >fifo; exec sleep 600'
END = "exec 3<>fifo; for i in {}; do read line <&3; done"
#: (files, words, environment): `web`, `worker` and `end`, which awaits as many as the files say.
TWO = {"Procfile": f"web: {SPEAK}\nworker: {SPEAK}\nend: {END.format('1 2')}\n"}
ONE = {"Procfile": f"web: {SPEAK}\nworker: {SPEAK}\nend: {END.format('1')}\n"}
FOUR = {"Procfile": f"web: {SPEAK}\nworker: {SPEAK}\nend: {END.format('1 2 3 4')}\n"}
STARTS = {
    "all": (TWO, [], {}),
    "a flag before the command": (TWO, ["--no-prefix"], {}),
    "-p": (TWO, ["start", "-p", "7000"], {}),
    "--port": (TWO, ["start", "--port=7000"], {}),
    "PORT": (TWO, [], {"PORT": "7000"}),
    "PORT in .env": ({**TWO, ".env": "PORT=6000\n"}, [], {"PORT": "7000"}),
    "PORT in .env and -p": ({**TWO, ".env": "PORT=6000\n"}, ["start", "-p", "7000"], {}),
    "-c": (FOUR, ["start", "-c", "web=3,worker=1"], {}),
    "-c of none": (ONE, ["start", "--concurrency", "web=0"], {}),
    "some": (ONE, ["start", "worker", "end"], {}),
    "some, in another order": (TWO, ["start", "end", "worker", "web"], {}),
    "-q": (TWO, ["start", "-q", "web,end"], {}),
    "--quiet before": (TWO, ["--no-colour", "start", "--quiet", "worker"], {}),
    ".env": ({**TWO, ".env": "ANIMAL='big giraffe' # tall\nexport ANIMAL=no\n"}, [], {"ANIMAL": "ape"}),
    "-e": ({**TWO, ".env": "ANIMAL=no\n", "a": "ANIMAL=ape\n", "b": "ANIMAL=bee\n"}, ["-e", "a, b,none", "start"], {}),
    "no env file": (TWO, ["start", "--env", "none"], {"ANIMAL": "ape"}),
    "-f": ({"Procfile.dev": TWO["Procfile"], "Procfile": "web: exit 9\n"}, ["start", "-f", "Procfile.dev"], {}),
    "PROCFILE": ({"Procfile.dev": TWO["Procfile"], "Procfile": "web: exit 9\n"}, [], {"PROCFILE": "Procfile.dev"}),
    "PROCFILE in .env": ({"dev": TWO["Procfile"], ".env": "PROCFILE=dev\n"}, [], {"PROCFILE": "no"}),
    "-d": ({"app/Procfile": TWO["Procfile"], "app/.env": "ANIMAL=ape\n"}, ["-d", "app", "start"], {}),
    "-d and -f": ({"app/dev": TWO["Procfile"], ".env": "ANIMAL=no\n"}, ["start", "--app-root", "app", "-f", "dev"], {}),
}


@pytest.mark.parametrize(("files", "words", "environ"), STARTS.values(), ids=STARTS)
def test_the_same_processes_with_the_same_ports_and_environment(beside: Beside, files, words, environ):
    """Every flag and variable means what it means to honcho."""
    beside.fifo()
    for name, text in files.items():
        beside.write(name, text)
    beside.environ |= environ
    same(*beside.ends(*(words if "start" in words else [*words, "start"])))


ENDS = {
    "success": "web: echo out; echo err >&2",
    "a code": "web: exit 42",
    "a signal": "web: kill -9 $$",
    "no command": "web: no-such-program --serve",
    "no program": "web: ./no-such-program",
    "not executable": "web: ./Procfile",
    "a builtin": "web: cd / && pwd",
    "a pipe": "web: printf 'b\\na\\n' | sort; exit 3",
    "umlauts": "web: printf 'größer → 日本\\n'",
    "no UTF-8": "web: printf '\\377a\\n'",
    "carriage returns": "web: printf '10%%\\r20%%\\r\\n\\n\\r\\nend'",
    "odd names": "Web_2-x: echo $HONCHO_PROCESS_NAME\n",
    "comments and empty lines": "# shop\n\nweb:     echo   'a  b'\n",
    "dollars stay the shell's": "web: echo ${HOME:+home} $((1+1)) '$$' '${x}'",
}


@pytest.mark.parametrize("procfile", ENDS.values(), ids=ENDS)
def test_one_process_to_its_end(beside: Beside, procfile):
    """All lines in the same order, the same exit status."""
    beside.write("Procfile", procfile)
    ours, honchos = beside.ends("start")
    assert ours.out == honchos.out
    assert (ours.err, ours.status) == (honchos.err, honchos.status)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all(beside: Beside, number, status):
    """Received, sent on, stopped: and the status is the signal's."""
    beside.write(
        "Procfile",
        "web: echo up-web; exec sleep 600\nworker: trap 'exit 3' TERM; echo up-worker; exec 3<>fifo; read x <&3\n",
    )
    beside.fifo()
    ended = [each.until("| up-web\n").until("| up-worker\n").send(number).end() for each in beside.both("start")]
    same(*ended)
    assert ended[0].status == status


def test_who_does_not_end_is_killed_after_five_seconds(beside: Beside):
    """And the first one's code is still the launcher's."""
    beside.write(
        "Procfile", "deaf: trap '' TERM; echo x >fifo; while :; do sleep 600; done\nend: read x <fifo; exit 7\n"
    )
    beside.fifo()
    ours, honchos = beside.ends("start")
    assert set(ours.out.splitlines()) == set(honchos.out.splitlines())  # honcho may kill it more than once
    assert ours.status == honchos.status == 7
    assert "sending SIGKILL to deaf.1 (pid PID)" in ours.out.replace("(PID)", "(pid PID)")


def test_processes_have_the_launchers_input(beside: Beside):
    """What is typed reaches them, and its end too."""
    beside.write("Procfile", "cat: echo up; cat\n")
    ended = [each.until("up").say(b"hello\n").until("| hello") for each in beside.both("start")]
    for each in ended:
        each.process.stdin.close()
        each.process.stdin = None
    same(*(each.end() for each in ended))


def test_lines_come_when_they_are_printed(beside: Beside):
    """Not when a buffer is full, nor at the end."""
    beside.write("Procfile", "web: exec 3<>fifo; echo one; read x <&3; echo two; read x <&3\n")
    beside.fifo()
    for folder, each in zip(reversed(beside.folders.values()), beside.both("start"), strict=True):
        for text in ("| one", "| two"):
            each.until(text)
            (folder / "fifo").write_text("go on\n", encoding="utf-8")
        each.end()


@pytest.mark.parametrize("words", [["start"], ["start", "--no-colour"], ["--no-prefix", "start"]])
def test_colours_on_a_terminal(beside: Beside, words):
    """The prefixes of processes are coloured in honcho's order, those of `system` are not."""
    beside.write("Procfile", f"web: {SPEAK}\nworker: {SPEAK}\nend: {END.format('1 2')}\n")
    beside.fifo()
    ours, honchos = (on_a_terminal(beside, who, words) for who in ("launcher", "honcho"))
    assert sorted(ours) == sorted(honchos)
    assert ("\033[" in "".join(ours)) == (words == ["start"])


def on_a_terminal(beside: Beside, who: str, words: list[str]) -> list[str]:
    """Its lines, as a terminal gets them."""
    terminal, descriptor = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", who, *words],
        cwd=beside.folders[who],
        env={**beside.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=descriptor,
        start_new_session=True,
    )
    os.close(descriptor)
    text = b""
    try:
        while select.select([terminal], [], [], PATIENCE)[0] and (data := os.read(terminal, 65536)):
            text += data
    except OSError:  # Linux's way to tell that the other end is closed
        pass
    finally:
        os.close(terminal)
    assert process.wait(30) == 0
    return mask(text.decode()).replace("\r\n", "\n").splitlines()


def test_what_honcho_refuses(beside: Beside):
    """Has honcho's sentence and exit status, with our code and what to do."""
    beside.write("Procfile", "web: true\n")
    for words in (["start", "wbe"], ["start", "-f", "none"], ["check", "-f", "none"], ["start", "-p", "many"]):
        ours, honchos = beside.ends(*words)
        assert (ours.status, ours.out) == (honchos.status, honchos.out) == (1, "")
        sentence = re.sub(r".*\[ERROR\] (Procfile )?", "", honchos.err).strip()
        assert sentence in ours.err
        assert re.match(r"E10\d\d ", ours.err)


def test_processes_that_end_at_once_do_not_keep_others_from_starting(beside: Beside):
    """All are started before the end of one stops all."""
    beside.write("Procfile", "".join(f"p{number}: true\n" for number in range(20)))
    ours, honchos = beside.ends("start")
    assert started(ours) == started(honchos) == {f"p{number}.1" for number in range(20)}


def started(ended: Ended) -> set[str]:
    return set(re.findall(r"(\S+) started", ended.out))
