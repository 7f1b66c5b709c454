"""A source file belongs to the component that claims it most closely, and to nobody where several do."""

from __future__ import annotations

import json
import os

import pytest

from launcher.host.description import Description
from launcher.host.folders import Folders, is_standard


def folders_of(*descriptions):
    folders = Folders()
    for described in descriptions:
        folders.add(described)
    return folders


def test_components_of_one_package_have_their_modules_and_nobody_the_shared_ones(packages):
    for name in ("__init__", "api", "orders", "models"):
        packages.write(f"shop/{name}.py")
    folders = folders_of(
        Description("api", "shop.api:app", packages.folder("")),
        Description("orders", "shop.orders:app", packages.folder("")),
    )
    assert folders.component_of(packages.folder("shop/api.py")) == "api"
    assert folders.component_of(packages.folder("shop/orders.py")) == "orders"
    assert folders.component_of(packages.folder("shop/models.py")) is None
    assert folders.component_of(packages.folder("other.py")) is None


def test_components_of_one_folder_have_their_packages(packages):
    for name in ("api", "orders"):
        packages.write(f"{name}/__init__.py")
        packages.write(f"{name}/web/main.py")
    folders = folders_of(
        Description("api", "api.web.main:app", packages.folder("")),
        Description("orders", "orders.web.main:make()", packages.folder("")),
    )
    assert folders.component_of(packages.folder("orders/deep/down/db.py")) == "orders"
    assert folders.component_of(packages.folder("api/web/views.py")) == "api"
    assert folders.component_of(packages.folder("manage.py")) is None


def test_all_in_its_folder_is_that_of_a_component_which_is_alone_there(packages):
    packages.write("one/app.py")
    folders = folders_of(Description("one", "app:app", packages.folder("one"), pythonpath=("lib",)))
    assert folders.component_of(packages.folder("one/tools/db.py")) == "one"
    assert folders.component_of(packages.folder("one/lib/x.py")) == "one"
    assert folders.component_of(packages.folder("two/x.py")) is None
    folders.forget("one")
    folders.forget("one")
    assert folders.component_of(packages.folder("one/tools/db.py")) is None


def test_libraries_are_nobodys_even_inside_its_folder(packages):
    packages.write("app.py")
    folders = folders_of(Description("one", "app:app", packages.folder("")))
    assert folders.component_of(packages.folder(".venv/lib/python3.11/site-packages/lib/x.py")) is None
    assert folders.component_of(json.__file__) is None
    assert folders.component_of("<frozen importlib._bootstrap>") is None


def test_an_installed_package_may_be_the_component(packages, monkeypatch):
    packages.write("site-packages/tool/__init__.py")
    packages.write("site-packages/single.py")
    packages.write("site-packages/other/__init__.py")
    monkeypatch.syspath_prepend(packages.folder("site-packages"))
    folders = folders_of(
        Description("tool", "tool:app", packages.folder("empty")),
        Description("single", "single:app", packages.folder("empty")),
    )
    assert folders.component_of(packages.folder("site-packages/tool/deep/x.py")) == "tool"
    assert folders.component_of(packages.folder("site-packages/single.py")) == "single"
    assert folders.component_of(packages.folder("site-packages/other/__init__.py")) is None


def test_a_link_leads_to_the_same_component(packages, tmp_path):
    packages.write("one/app.py")
    (tmp_path / "link").symlink_to(tmp_path / "one")
    for described, asked in (("one", "link"), ("link", "one"), ("link", "link")):
        folders = folders_of(Description("one", "app:app", packages.folder(described)))
        assert folders.component_of(packages.folder(f"{asked}/app.py")) == "one"


@pytest.mark.parametrize(
    ("file", "expected"),
    [(os.__file__, True), (json.__file__, True), ("<string>", True), (pytest.__file__, False), (__file__, False)],
)
def test_pythons_own_is_told_from_what_is_installed(file, expected):
    assert is_standard(file) is expected
