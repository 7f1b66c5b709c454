"""Every key has a line and a column, whatever form of TOML it is written in."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.profile.names import quote
from launcher.profile.positions import positions, read_key

KEYS = st.one_of(
    st.text("abcXYZ019_-", min_size=1, max_size=6), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["[a]", "x = 1", "# no", '"""', "'''", "\\", "},]", "\n[b]\nc = 2\n"]
)
SCALARS = st.one_of(TEXTS, st.integers(-(2**62), 2**62), st.booleans(), st.dates(), st.datetimes(), st.floats(0, 1e9))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=4)


class Writer:
    """Writes a document in forms that hypothesis chooses."""

    def __init__(self, draw):
        self.draw = draw
        self.lines = []

    def choose(self, *ways):
        return self.draw(st.sampled_from(ways))

    def key(self, name):
        ways = [quote(name)]
        if name and name.isascii() and name.replace("_", "a").replace("-", "a").isalnum():
            ways.append(name)
        if name.isprintable() and "'" not in name:
            ways.append(f"'{name}'")
        return self.choose(*ways)

    def value(self, value):
        match value:
            case bool():
                return str(value).lower()
            case str():
                ways = [quote(value)]
                if "\r" not in value and all(c >= " " or c in "\n\t" for c in value) and "\x7f" not in value:
                    ways.append('"""\n' + value.replace("\\", "\\\\").replace('"', '\\"') + '"""')
                    if "'" not in value:
                        ways.append("'''\n" + value + "'''")
                return self.choose(*ways)
            case list():
                gap = self.choose("", " ", "\n  # ] , comment\n  ")
                return "[" + gap + f",{gap}".join(self.value(item) for item in value) + gap + "]"
            case dict():
                return "{ " + ", ".join(f"{self.key(k)} = {self.value(v)}" for k, v in value.items()) + " }"
            case _:
                return value.isoformat(sep=" ") if hasattr(value, "hour") else str(value)

    def is_array_of_tables(self, value):
        return isinstance(value, list) and value and all(isinstance(item, dict) for item in value)

    def pair(self, path, value):
        gap = self.choose("", " ", "\t")
        dotted = f"{gap}.{gap}".join(self.key(name) for name in path)
        self.lines.append(f"{gap}{dotted}{gap}={gap}{self.value(value)}{self.choose('', ' # = [x]')}")

    def document(self, document):
        tables = {}
        for name, value in document.items():
            way = self.choose("inline", "dotted", "header")
            if isinstance(value, dict) and value and way == "dotted":
                for inner, content in value.items():
                    self.pair([name, inner], content)
            elif way == "header" and (isinstance(value, dict) or self.is_array_of_tables(value)):
                tables[name] = value
            else:
                self.pair([name], value)
        for name, content in tables.items():
            array = isinstance(content, list)
            for table in content if array else [content]:
                self.lines += ["", f"[[ {self.key(name)} ]]" if array else f"[{self.key(name)}] # x"]
                for inner, value in table.items():
                    self.pair([inner], value)
        return self.choose("\n", "\r\n").join(self.lines)


def paths_of(value, at=()):
    match value:
        case dict():
            for name, inner in value.items():
                yield (*at, name)
                yield from paths_of(inner, (*at, name))
        case list():
            for index, inner in enumerate(value):
                yield (*at, index)
                yield from paths_of(inner, (*at, index))


@pytest.mark.slow
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_key_path_that_tomllib_yields_stands_where_the_scanner_says(data):
    """The text at the position begins with the key itself; nothing is found that tomllib does not have."""
    text = Writer(data.draw).document(data.draw(DOCUMENTS))
    document = tomllib.loads(text)
    found = positions(text)
    assert set(found) == set(paths_of(document))
    lines = text.replace("\r\n", "\n").split("\n")
    for path, (line, column) in found.items():
        if isinstance(path[-1], str):
            names, _ = read_key(lines[line - 1][column - 1 :])
            assert names[0] == path[-1]


TEXT = """\
# a comment with [brackets] and = signs
a.b = 1
"q.A" = \"\"\" text
["no"]
\"\"\"
[s."x y".z]
p = { h = [1, { k = 2 }], "m" = 1979-05-27 07:32:00 }
list = [
  "a", # ]
  [1, 2],
]
[[t]]
x = 1
[[t.u]]
y = 2
[[t]]
x = 3
[s]
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        (("a",), (2, 1)),
        (("a", "b"), (2, 3)),
        (("q.A",), (3, 1)),
        (("s", "x y", "z"), (6, 10)),
        (("s", "x y", "z", "p", "h", 1, "k"), (7, 17)),
        (("s", "x y", "z", "list", 0), (9, 3)),
        (("s", "x y", "z", "list", 1, 1), (10, 7)),
        (("t", 0, "u", 0, "y"), (15, 1)),
        (("t", 1, "x"), (17, 1)),
        (("s",), (18, 2)),
    ],
)
def test_where_keys_stand(path, position):
    """Line and column are counted from 1; a table with a header stands at its header."""
    assert positions(TEXT)[path] == position
