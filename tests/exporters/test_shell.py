"""One line for any shell: what goes in comes out, whatever it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.errors import NotExportable
from launcher.exporters.shell import Start, line, word
from launcher.exporters.variables import Outside, Variable

#: What a process can be given: anything but NUL and what is no text.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
AWKWARD = st.text(st.sampled_from("ab $'\"\\\n\t;#%&|<>(){}[]*?!~`=-:\r\x1f\x85\u2028é"), max_size=12)
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in ("PATH", "LC_ALL"))
ECHO = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def run(text: str, **env: str) -> tuple[list[str], dict[str, str]]:
    done = subprocess.run(
        ["/bin/sh", "-c", text], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **env}, check=False
    )
    assert done.returncode == 0, (text, done.stderr)
    words, environ = json.loads(done.stdout)
    return words, environ


def echo(*words: str) -> tuple[tuple[str, ...], ...]:
    return tuple((text,) if text else () for text in (sys.executable, "-I", "-S", "-c", ECHO, *words))


@pytest.mark.slow
@settings(max_examples=40)
@given(words=st.lists(TEXTS | AWKWARD, max_size=4), env=st.dictionaries(NAMES, TEXTS | AWKWARD, max_size=3))
def test_process_gets_what_was_meant(words: list[str], env: dict[str, str]) -> None:
    """Words and variables arrive unchanged, and the line is one line to every reader."""
    variables = [Variable(name=name, value=(value,) if value else ()) for name, value in env.items()]
    text = line(Start(argv=echo(*words), variables=variables))
    assert len(text.splitlines()) == 1
    found, environ = run(text)
    assert found == words
    assert {name: environ[name] for name in env} == env


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain-1.2/x=y", "plain-1.2/x=y"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", "'it'\"'\"'s'"),
        ("$HOME", "'$''HOME'"),
        ("a\nb", 'a"$_nl"b'),
        ("a\rb", "a\"$(printf '\\015')\"b"),
        ("a\x85b", "a\"$(printf '\\302\\205')\"b"),
    ],
)
def test_word(text: str, wanted: str) -> None:
    """Plain words stay plain; line breaks and controls are spelt in octals; `$NAME` never stands in one piece."""
    assert word(text) == wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "env", "wanted"),
    [
        ((Outside("HOST"),), {"HOST": "a b*"}, "a b*"),
        (("http://", Outside("HOST"), "/$x"), {"HOST": "h"}, "http://h/$x"),
        ((Outside("HOST", default=("de}f\"'$`\\",)),), {}, "de}f\"'$`\\"),
        ((Outside("HOST", default=("d",)),), {"HOST": ""}, "d"),
        ((Outside("A", default=("x", Outside("B", default=("c",)))),), {}, "xc"),
        ((Outside("HOST", message="no host"),), {"HOST": "h"}, "h"),
    ],
)
def test_reference_is_filled_in_by_the_shell(value, env: dict[str, str], wanted: str) -> None:
    """A variable of the environment stands as one word, with the profile's default."""
    _, environ = run(line(Start(argv=echo(), variables=[Variable(name="OUT", value=value)])), **env)
    assert environ["OUT"] == wanted


@pytest.mark.parametrize(
    "start",
    [
        Start(argv=(("true",),), variables=[Variable(name="A", value=(Outside("HOST"),))]),
        Start(argv=(("true",),), variables=[Variable(name="A", value=(Outside("HOST", message="no host"),))]),
        Start(argv=(("true",),), variables=[Variable(name="HOST", value=("x",), withheld=True)]),
        Start(argv=(("true",),), directory=("/nowhere at all",)),
    ],
)
def test_start_fails_where_something_is_missing(start: Start) -> None:
    """A service doesn't run without a variable or folder that it needs."""
    done = subprocess.run(["/bin/sh", "-c", line(start)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "HOST" in done.stderr or "nowhere at all" in done.stderr


@pytest.mark.slow
def test_program_with_an_equals_sign_is_a_program(tmp_path: Path) -> None:
    """Neither the shell nor env takes it for a variable."""
    program = tmp_path / "a=b"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S -c "{ECHO}" "$@"\n')
    program.chmod(0o755)
    words, environ = run(line(Start(argv=((str(program),), ("c",)), variables=[Variable(name="x.y", value=("z",))])))
    assert words == ["c"]
    assert environ.get("x.y") in ("z", None)  # a shell in between may drop what it cannot name


def test_program_that_looks_like_a_flag_is_refused() -> None:
    """`exec -x` would be an option of the shell."""
    with pytest.raises(NotExportable, match="-x"):
        line(Start(argv=(("-x",),)))


def test_default_with_a_line_break_is_refused() -> None:
    """Inside `${NAME:-…}` nothing can be spelt in octals."""
    with pytest.raises(NotExportable):
        word((Outside("A", default=("x\ny",)),))
