"""What apps have in common, as their sources tell it."""

from __future__ import annotations

import pytest

from launcher.host.shared_imports import App, in_common

#: What the modules say; who is asked; what these have in common.
SOURCES = {
    "both import it": ({"a": "import json", "b": "import json"}, ["a", "b"], ["json"]),
    "one alone does": ({"a": "import json", "b": "import csv"}, ["a", "b"], []),
    "two of three do": ({"a": "import json", "b": "import csv", "c": "import csv"}, ["a", "b", "c"], ["csv"]),
    "an only app": ({"a": "import json"}, ["a"], ["json"]),
    "from": ({"a": "from json import loads", "b": "import json"}, ["a", "b"], ["json"]),
    "from a package, a module of it": (
        {"a": "from email import charset, message_from_string", "b": "from email import charset, message_from_string"},
        ["a", "b"],
        ["email", "email.charset"],
    ),
    "two modules of one package": (
        {"a": "import email.charset", "b": "import email.errors"},
        ["a", "b"],
        ["email"],
    ),
    "through modules of the app's own": (
        {"a": "import own", "b": "import own", "own": "import json\nimport deeper", "deeper": "import csv"},
        ["a", "b"],
        ["csv", "json"],
    ),
    "relative, in a package": (
        {
            "p/__init__": "import json",
            "p/a": "from . import c",
            "p/b": "from .c import x",
            "p/c": "import csv\nfrom .. import above",
        },
        ["p.a", "p.b"],
        ["csv", "json"],
    ),
    "not in a function": ({"a": "def f(): import json", "b": "def f(): import json"}, ["a", "b"], []),
    "not for type checkers": (
        dict.fromkeys("ab", "import typing\nif typing.TYPE_CHECKING: import json\nelse: import csv"),
        ["a", "b"],
        ["csv", "typing"],
    ),
    "not as a program": (dict.fromkeys("ab", "if __name__ == '__main__': import json"), ["a", "b"], []),
    "under a condition, and instead": (
        dict.fromkeys("ab", "try:\n import orjson\nexcept ImportError:\n import json\nwith x:\n import csv"),
        ["a", "b"],
        ["csv", "json", "orjson"],
    ),
    "a folder that is no package hides none": (
        {"a": "import json", "b": "import json", "json/notes": ""},
        ["a", "b"],
        ["json"],
    ),
    "a module of the app's own that is called as another": (
        {"a": "import json", "b": "import json", "json": "import csv"},
        ["a", "b"],
        ["csv"],
    ),
    "what cannot be read": ({"a": "import json\n1 +", "b": "import json"}, ["a", "b"], []),
    "what is not there": ({"a": "import json"}, ["a", "b"], []),
}


@pytest.mark.parametrize(("sources", "apps", "common"), SOURCES.values(), ids=SOURCES)
def test_in_common(tmp_path, sources, apps, common):
    """Modules of others that at least two import when they are imported; the apps' own are never among them."""
    for name, source in sources.items():
        (tmp_path / f"{name}.py").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(source)
    assert in_common([App(f"{name}:app", [str(tmp_path)]) for name in apps]) == common


def test_what_is_one_apps_own_is_not_shared(tmp_path):
    """Though another one finds it installed."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text("import json")
    (tmp_path / "a" / "json.py").write_text("")
    apps = [App("app:app", [str(tmp_path / folder)]) for folder in ("a", "b", "b")]
    assert in_common(apps) == []


def test_an_installed_app_is_its_own(tmp_path, monkeypatch):
    """Its package is followed and not shared, in whatever folder it is served."""
    (tmp_path / "site" / "shop").mkdir(parents=True)
    (tmp_path / "site" / "shop" / "__init__.py").write_text("")
    for name in ("one", "two"):
        (tmp_path / "site" / "shop" / f"{name}.py").write_text("import json\nfrom shop import base")
    (tmp_path / "site" / "shop" / "base.py").write_text("import csv")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert in_common([App(f"shop.{name}:app", [str(tmp_path)]) for name in ("one", "two")]) == ["csv", "json"]
