"""Which command lines are one plain command, and which need a shell."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.engines.commandline import program_of, words_of

SIMPLE = {
    "gunicorn app:app": "gunicorn",
    "  ./run.sh  --fast  ": "./run.sh",
    "/usr/bin/env python -m http.server $PORT": "/usr/bin/env",
    "python -c 'import x; x.run() | y'": "python",
    'python -c "a; b"': "python",
    "serve --name ${NAME:-web} *.html ~/site": "serve",
    "say it\\ is \\; fine": "say",
    "serve \\\n  --port 80": "serve",
    "serve a#b": "serve",
    "serve '#' \"#\"": "serve",
    "run --set a=1": "run",
    "serve\n": "serve",
}

NEEDS_A_SHELL = [
    "",
    "   ",
    "cd x && y",
    "FOO=1 x",
    "exec x",
    "! x",
    "while true; do x; done",
    "while",
    "if x",
    "{ x",
    "(x)",
    "x | y",
    "x; y",
    "x &",
    "x || y",
    ". env",
    "source env",
    "echo hi",
    "time x",
    "[ -f x ]",
    "x > f",
    "x < f",
    "x 2>&1",
    "x $(y)",
    'x "$(y)"',
    "x `y`",
    'x "`y`"',
    "x $((1 + 1))",
    "x # comment",
    "# comment",
    "x\ny",
    "$CMD x",
    '"x" y',
    "'x' y",
    "x\\ y",
    "~/x",
    "./x* y",
    "x 'unfinished",
    'x "unfinished',
    "x \\",
    "a=b",
]


@pytest.mark.parametrize(("command", "program"), SIMPLE.items())
def test_a_plain_list_of_words_is_simple(command: str, program: str) -> None:
    """Quotes, escapes, parameters and globs are welcome in every word but the first."""
    assert program_of(command) == program


@pytest.mark.parametrize("command", NEEDS_A_SHELL)
def test_everything_else_goes_to_the_shell(command: str) -> None:
    """One that is wrongly held for simple would do something else than what was written."""
    assert program_of(command) is None


PLAIN = {
    "gunicorn app:app": ("gunicorn", "app:app"),
    "  ./run.sh \t --fast\n": ("./run.sh", "--fast"),
    "serve --set a=1,b=2 user@host:80 50%": ("serve", "--set", "a=1,b=2", "user@host:80", "50%"),
}

NOT_PLAIN = [*NEEDS_A_SHELL, "serve $PORT", "serve 'a'", "serve a*", "serve ~", "serve a\fb", "serve \\\n x", "serve é"]


@pytest.mark.parametrize(("command", "words"), PLAIN.items())
def test_plain_words_need_no_shell(command: str, words: tuple[str, ...]) -> None:
    """A shell would only cut them at their blanks."""
    assert words_of(command) == words


@pytest.mark.parametrize("command", NOT_PLAIN)
def test_what_a_shell_could_touch_is_not_plain(command: str) -> None:
    """Anything that is not certainly a literal is left to the shell."""
    assert words_of(command) is None


@pytest.mark.slow
@given(st.text(alphabet="ab01_-./:,@%+= \t\n~\f\r\v", max_size=12).map("/bin/echo {}".format))
def test_a_shell_makes_the_same_of_plain_words(command: str) -> None:
    """Executed as they stand they print what they print through the shell."""
    if words := words_of(command):
        plain, direct = (
            subprocess.run(argv, capture_output=True, cwd="/usr/lib", check=False)
            for argv in (["/bin/sh", "-c", command], words)
        )
        assert (plain.returncode, plain.stdout) == (direct.returncode, direct.stdout)


@pytest.mark.slow
@given(st.text(alphabet="ab01 '\"\\$#;&|<>()`~*!={}\n\t", max_size=12).map("/bin/echo {}".format))
def test_exec_changes_nothing_about_a_simple_command(command: str) -> None:
    """Whatever is held for simple prints the same with `exec` in front as without ($$ apart)."""
    if program_of(command) is not None and "$$" not in command:
        plain, replaced = (
            subprocess.run(["/bin/sh", "-c", text], capture_output=True, cwd="/usr/lib", check=False)
            for text in (command.strip(), f"exec {command.strip()}")
        )
        assert (plain.returncode, plain.stdout) == (replaced.returncode, replaced.stdout)
