"""What `mode = "auto"` asks the machine."""

from __future__ import annotations

import os

import pytest

from launcher.cli.machine import machine_for
from launcher.profile.model import Profile, Service, Settings


def profile_of(root, services):
    made = {name: Service(app=app, directory=directory, env=env) for name, (app, directory, env) in services.items()}
    return Profile(name="dev", root=str(root), settings=Settings(mode="auto"), env={}, services=made)


def clashes(root, services, **environ):
    return machine_for(profile_of(root, services), environ).clashes(list(services))


def module(root, name):
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('nobody may import this')\n", encoding="utf-8")


def test_two_modules_of_one_name_do_not_go_together(tmp_path):
    """Found without importing them; the one that stands later is told, and why."""
    module(tmp_path, "one/main.py")
    module(tmp_path, "two/main.py")
    module(tmp_path, "two/other.py")
    services = {"a": ("main:app", "one", {}), "b": ("main:app", "two", {})}
    (why,) = clashes(tmp_path, services).values()
    assert why.startswith("its directory is ")
    services = {"a": ("main:app", ".", {"PYTHONPATH": "one"}), "b": ("main:app", ".", {"PYTHONPATH": "two"})}
    assert list(clashes(tmp_path, services)) == ["b"]


def test_two_settings_of_django_do_not_go_together(tmp_path):
    services = {
        "a": ("m:app", ".", {"DJANGO_SETTINGS_MODULE": "a.settings"}),
        "b": ("n:app", ".", {"DJANGO_SETTINGS_MODULE": "b.settings"}),
        "c": ("o:app", ".", {"DJANGO_SETTINGS_MODULE": "a.settings"}),
    }
    found = clashes(tmp_path, services)
    assert list(found) == ["b"]
    assert found["b"].startswith('its DJANGO_SETTINGS_MODULE is b.settings, that of "a" a.settings')


def test_folders_may_use_variables(tmp_path):
    """Those that are known only at a start are not compared: its host will do so."""
    services = {"a": ("m:app", "${WHERE}", {}), "b": ("m:app", "two", {}), "c": ("m:app", "${LATER}", {})}
    assert list(clashes(tmp_path, services, WHERE="one")) == ["b"]
    assert clashes(tmp_path, services, WHERE="two") == {}


def test_processors_and_memory_are_those_that_may_be_used(tmp_path):
    machine = machine_for(profile_of(tmp_path, {}), os.environ)
    assert 1 <= machine.processors <= (os.cpu_count() or 1)
    assert machine.memory > 1 << 24


@pytest.mark.parametrize(("quota", "count"), [("100000 100000", 1), ("150000 100000", 2), ("max 100000", 64)])
def test_a_container_counts(tmp_path, monkeypatch, quota, count):
    """Half a processor more is one more; the narrowest limit of memory is the one."""
    (tmp_path / "cpu.max").write_text(f"{quota}\n", encoding="ascii")
    (tmp_path / "memory.max").write_text("20000000\n", encoding="ascii")
    monkeypatch.setattr("launcher.cli.machine._GROUPS", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: range(64))
    machine = machine_for(profile_of(tmp_path, {}), {})
    assert (machine.processors, machine.memory) == (count, 20_000_000)
