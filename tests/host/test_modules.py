"""Where a module would come from, without importing it."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import pytest

from launcher.host.modules import Found, file_of, find, place_of


def test_the_first_folder_that_has_it_decides(packages):
    packages.write("one/app/__init__.py")
    packages.write("two/app.py")
    one, two, none = packages.folder("one"), packages.folder("two"), packages.folder("none")
    assert find("app.main", [none, one, two]) == Found("app", f"{one}/app")
    assert find("app", [two, one]) == Found("app", f"{two}/app.py")
    assert find("app", [none]) is None


def test_a_folder_without_init_is_shared_and_what_stands_in_it_decides(packages):
    packages.write("one/company/api.py")
    packages.write("two/company/orders/__init__.py")
    packages.write("two/company/deep/down/inner.py")
    one, two = packages.folder("one"), packages.folder("two")
    assert find("company.api", [one, two]) == Found("company.api", f"{one}/company/api.py")
    assert find("company.orders.main", [one, two]) == Found("company.orders", f"{two}/company/orders")
    assert find("company.deep.down.inner", [one, two]) == Found(
        "company.deep.down.inner", f"{two}/company/deep/down/inner.py"
    )
    assert find("company", [one, two]) is None
    assert find("company.none", [one, two]) is None


def test_nothing_is_imported(packages):
    packages.write("one/raises/__init__.py", "raise OSError")
    packages.write("one/raises/inner.py", "raise OSError")
    one = packages.folder("one")
    assert find("raises.inner", [one]) == Found("raises", f"{one}/raises")
    assert file_of("raises.inner", [one]) == f"{one}/raises/inner.py"
    assert file_of("raises", [one]) == f"{one}/raises/__init__.py"
    assert file_of("raises.none", [one]) is None
    assert "raises" not in sys.modules


def test_a_link_is_the_same_place(packages, tmp_path):
    packages.write("one/app.py")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert find("app", [packages.folder("two")]) == find("app", [packages.folder("one")])


@pytest.mark.parametrize("name", ["package.inner", "package", "single"])
def test_where_it_was_found_is_where_it_came_from(packages, name):
    packages.write("one/package/__init__.py")
    packages.write("one/package/inner.py")
    packages.write("one/single.py")
    sys.path.insert(0, packages.folder("one"))
    found = find(name, sys.path)
    import_module(name)
    assert place_of(sys.modules[found.name]) == found.place


def test_a_builtin_comes_from_no_place():
    assert place_of(sys) is None
    assert place_of(json).endswith("/json")
