"""What `${…}` and `$$` mean, outside commands and inside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import BadReference, VariableUnset
from launcher.profile.interpolate import Reference, ReferenceKind, expand, references

VARIABLES = {"HOME": "/home/me", "EMPTY": "", "NESTED": "${HOME}", "DOLLAR": "$$"}
DOTTED = {"services.api.url": "http://127.0.0.1:8000", "services.my-db.port": "5432", "profile.name": "dev"}


def dotted(name: str) -> str:
    if name not in DOTTED:
        raise BadReference(f"no {name}")
    return DOTTED[name]


VALUES = [
    ("nothing to do", "plain", "plain"),
    ("empty", "", ""),
    ("a variable", "${HOME}/bin", "/home/me/bin"),
    ("twice", "${HOME}${HOME}", "/home/me/home/me"),
    ("set but empty", "<${EMPTY}>", "<>"),
    ("a value is not expanded again", "${NESTED}${DOLLAR}", "${HOME}$$"),
    ("default of a set one", "${HOME:-x}", "/home/me"),
    ("default of an unset one", "${NO:-x y}", "x y"),
    ("default of an empty one", "${EMPTY:-x}", "x"),
    ("empty default", "<${NO:-}>", "<>"),
    ("default with a variable", "${NO:-${HOME}/x}/y", "/home/me/x/y"),
    ("default in a default", "${NO:-${NEITHER:-x}}", "x"),
    ("default with a dotted name", "${NO:-${services.api.url}}/v1", "http://127.0.0.1:8000/v1"),
    ("default with an opening brace", "${NO:-{a}", "{a"),
    ("default with :- in it", "${NO:-a:-b}", "a:-b"),
    ("an unused default is not followed", "${HOME:-${NO}${services.nope.url}}", "/home/me"),
    ("a message not needed", "${HOME:?must be set}", "/home/me"),
    ("dollar", "$$", "$"),
    ("an escaped reference", "$${HOME}", "${HOME}"),
    ("dollar, then a reference", "$$${HOME}", "$/home/me"),
    ("an escaped dollar in a default", "${NO:-$$}}", "$}"),
    ("a lone dollar stays", "^a$|$HOME|$1|$", "^a$|$HOME|$1|$"),
    ("closing braces stay", "}{}", "}{}"),
    ("dotted", "${services.api.url}/v1", "http://127.0.0.1:8000/v1"),
    ("dotted with a hyphen", "${services.my-db.port}", "5432"),
    ("other scripts and lines", "é${HOME}\nß", "é/home/me\nß"),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_values(text: str, expected: str) -> None:
    """Outside commands, references become what they stand for."""
    assert expand(text, variables=VARIABLES, dotted=dotted) == expected


UNSET = [
    ("plain", "${NO}", "variable NO is not set"),
    ("with a message", "${NO:?say where the database is}", "variable NO is not set: say where the database is"),
    ("empty, with a message", "${EMPTY:?needed}", "variable EMPTY is empty: needed"),
    ("without a message", "${NO:?}", "variable NO is not set"),
    ("message as written", "${NO:?like ${HOME} and $$}", "variable NO is not set: like ${HOME} and $$"),
    ("in a default that is used", "${NO:-${NEITHER}}", "variable NEITHER is not set"),
]


@pytest.mark.parametrize(("text", "sentence"), [case[1:] for case in UNSET], ids=[case[0] for case in UNSET])
def test_unset(text: str, sentence: str) -> None:
    """A variable that is nowhere set is an error that names it and carries the message."""
    with pytest.raises(VariableUnset) as caught:
        expand(text, variables=VARIABLES, dotted=dotted)
    assert caught.value.sentence == sentence


MALFORMED = [
    ("nothing follows", "a ${", '"${" is no reference'),
    ("no name", "${}", '"${}" is no reference'),
    ("begins with a digit", "${1x}", '"${1x}" is no reference'),
    ("not closed", "${HOME", '"${HOME" is no reference'),
    ("default not closed", "a ${NO:-x", '"${NO:-x" has no closing brace'),
    ("the outer one not closed", "${NO:-${HOME}", '"${NO:-${HOME}" has no closing brace'),
    ("a space", "${HOME }", '"${HOME }" is no reference'),
    ("an operator of the shell", "${HOME:+x}", '"${HOME:+x}" is no reference'),
    ("dotted with a default", "${services.api.url:-x}", '"${services.api.url:-x}" is no reference'),
    ("dot at the end", "${services.}", '"${services.}" is no reference'),
    ("cut when long", "${" + "?" * 60, '"${' + "?" * 38 + '…" is no reference'),
]


@pytest.mark.parametrize(("text", "sentence"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_malformed(text: str, sentence: str) -> None:
    """What begins like a reference but is none is an error outside commands, and never touched inside them."""
    with pytest.raises(BadReference) as caught:
        expand(text, variables=VARIABLES, dotted=dotted)
    assert caught.value.sentence == sentence
    assert expand(text, variables=None, dotted=dotted) == text


COMMANDS = [
    ("the shell's own", "echo ${HOME:-x} $HOME $$ ${1} ${#} ${x%.*} $(id)", None),
    ("dotted", "run --url ${services.api.url}", "run --url http://127.0.0.1:8000"),
    ("dotted in a default of the shell", "run ${URL:-${services.api.url}}", "run ${URL:-http://127.0.0.1:8000}"),
    ("the shell's $$ before a brace", "echo $${services.api.url}", None),
    ("somebody else's dotted name", "java -Dx='${sys.home}' ${project.version}", None),
    ("no dot, no name of ours", "echo ${services} ${profile}", None),
    ("dotted with an operator", "echo ${profile.name:-x}", None),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS])
def test_commands(text: str, expected: str | None) -> None:
    """In a command only our dotted names are touched; all else stays byte for byte."""
    assert expand(text, variables=None, dotted=dotted) == (text if expected is None else expected)


@pytest.mark.parametrize("variables", [{}, None])
def test_dotted_errors_pass(variables: dict[str, str] | None) -> None:
    """What the caller's look-up raises comes through, in commands too."""
    with pytest.raises(BadReference, match=r"no services\.nope\.url"):
        expand("${services.nope.url}", variables=variables, dotted=dotted)


def test_references() -> None:
    """References are told in order; only variables that nothing stands in for are required."""
    found = references("${A} ${B:-${C} ${services.api.url}} ${D:?m} $${E} ${profile.name}")
    assert found == [
        Reference(ReferenceKind.VARIABLE, "A", required=True),
        Reference(ReferenceKind.VARIABLE, "B", required=False),
        Reference(ReferenceKind.VARIABLE, "C", required=False),
        Reference(ReferenceKind.DOTTED, "services.api.url", required=True),
        Reference(ReferenceKind.VARIABLE, "D", required=True),
        Reference(ReferenceKind.DOTTED, "profile.name", required=True),
    ]


def test_references_of_commands() -> None:
    """In a command only our dotted names are references, and nothing is malformed."""
    found = references("${A} $${services.api.url} ${ ${services.api.port} ${sys.home}", command=True)
    assert found == [Reference(ReferenceKind.DOTTED, "services.api.port")]


def test_references_of_malformed_text() -> None:
    """A malformed text has no references; it is an error."""
    with pytest.raises(BadReference):
        references("${")


PIECES = st.lists(
    st.sampled_from(["$", "$$", "${", "}", ":-", ":?", "A", "B", ".", "services.api.url", "{", " ", "1", "é"]),
    max_size=14,
).map("".join)


@given(PIECES | st.text())
def test_any_text_expands_or_is_a_problem(text: str) -> None:
    """No text crashes, and with the variables that `references` calls required nothing is unset."""
    try:
        found = references(text)
    except BadReference:
        with pytest.raises((BadReference, VariableUnset)):
            expand(text, variables={}, dotted=lambda _: "")
        return
    everything = {item.name: "v" for item in found if item.required and item.kind is ReferenceKind.VARIABLE}
    expand(text, variables=everything, dotted=lambda _: "")


@given(st.text())
def test_escaping_is_undone(text: str) -> None:
    """A text whose dollars are doubled comes out as it was."""
    assert expand(text.replace("$", "$$"), variables={}, dotted=dotted) == text


@given(PIECES | st.text())
def test_commands_without_our_names_stay(text: str) -> None:
    """A command that names nothing of ours comes out byte for byte, as a Procfile's must."""
    command = text.replace("services.", "service.")
    assert expand(command, variables=None, dotted=dotted) == command
