"""Whole files as people have them: what becomes of them, what is lost, and that the result is well."""

from __future__ import annotations

import pytest

from launcher.errors import UnknownImportFormat
from launcher.importers.lookup import choose, importers
from launcher.importers.written import to_toml
from launcher.plan.build import build
from launcher.profile.load import load, load_procfile
from launcher.profile.project import find_project
from tests.importers.reading import FILES, imported, losses, profile_of

SOURCES = ["Procfile", "compose.yaml", "process-compose.yaml", "supervisord.conf"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_becomes_the_profile_and_the_losses_that_stand_beside_it(project, name):
    """Read by the importer that recognises it; the profile is checked, and has a plan."""
    text = (FILES / name).read_text(encoding="utf-8")
    found = imported(choose(name, text, place=name, wanted=None), text, place=name, dotenv="LEVEL=info\n")
    written = to_toml(found, origin=name)
    assert written == (FILES / f"{name}.toml").read_text(encoding="utf-8")
    assert losses(found) == (FILES / f"{name}.losses").read_text(encoding="utf-8").splitlines()

    (project.root / "site").mkdir()
    (project.root / ".env").touch()
    (project.root / "profiles").mkdir()
    (project.root / "profiles" / "dev.toml").write_text(written, encoding="utf-8")
    profile = load(find_project(project.root), "dev", environ={"PATH": "/bin"}).profile
    plan = build(profile, select=tuple(profile.services), is_free=lambda _: True)
    assert list(plan.services) == list(found.services)


@pytest.mark.parametrize(
    ("name", "text", "format_"),
    [
        ("Procfile", "web: x", "procfile"),
        ("Procfile.dev", "web: x", "procfile"),
        ("docker-compose.yml", "services:\n", "compose"),
        ("compose.prod.yaml", "x: 1\nservices:\n", "compose"),
        ("process-compose.yaml", "processes:\n", "process_compose"),
        ("compose.yaml", "processes:\n", "process_compose"),
        ("shop.conf", "[program:x]\n", "supervisord"),
        ("supervisord.ini", "[supervisord]\n[fcgi-program:x]\n", "supervisord"),
    ],
)
def test_name_and_content_tell_the_format(name, text, format_):
    """Whoever wrote the file need not say which tool it is for."""
    assert choose(name, text, place=name, wanted=None) is importers()[format_]()


@pytest.mark.parametrize(("name", "text"), [("shop.txt", "web: x"), ("compose.yaml", "a: 1"), ("x.conf", "[x]")])
def test_what_is_of_no_known_format_is_refused(name, text):
    """With the way to say which it is."""
    with pytest.raises(UnknownImportFormat, match="cannot tell what") as caught:
        choose(name, text, place=name, wanted=None)
    assert "--format" in caught.value.remedy


def test_a_format_can_be_named():
    """With `-` or `_`; of one that is not there the nearest is named."""
    assert choose("x", "", place="x", wanted="process-compose") is importers()["process_compose"]()
    with pytest.raises(UnknownImportFormat, match="did you mean `supervisord`"):
        choose("x", "", place="x", wanted="supervisor")


def test_every_importer_has_a_file_here():
    """A new format brings one."""
    found = {choose(name, (FILES / name).read_text(encoding="utf-8"), place=name, wanted=None) for name in SOURCES}
    assert found == {load() for load in importers().values()}


def test_an_imported_procfile_means_what_the_procfile_means(project):
    """Command, port, ending, restarts and env file are those that a start of the Procfile itself has."""
    text = (FILES / "Procfile").read_text(encoding="utf-8")
    path = project.procfile(text)
    path.write_text(text, encoding="utf-8")
    (project.root / ".env").write_text("PORT=7000\n", encoding="utf-8")
    direct = load_procfile(find_project(project.root), path, environ={}).profile
    again = profile_of(project, imported(choose("Procfile", text, place="", wanted=None), text, dotenv="PORT=7000\n"))
    assert (again.settings, again.env, again.services) == (direct.settings, direct.env, direct.services)
