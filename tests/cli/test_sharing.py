"""What cannot share a process is an error of the plan where the profile and its folders tell."""

from __future__ import annotations

import pytest

from launcher.cli.sharing import check_sharing, unshareable_of
from launcher.errors import ProblemsFound, Unshareable
from launcher.plan.build import build
from launcher.testing import profile_of

DJANGO = "DJANGO_SETTINGS_MODULE"


def checked(root, services, environ=(), mode="single"):
    """The code, sentence and remedy of all that is wrong with a profile of these services."""
    services = {name: {"command": None, "app": "m:app", **service} for name, service in services.items()}
    profile = profile_of(services, mode=mode)
    plan = build(profile, is_free=lambda _port: True)
    try:
        check_sharing(plan, dict(environ))
    except ProblemsFound as found:
        return [(problem.code, problem.sentence, problem.remedy) for problem in found.problems]
    return []


def test_two_settings_of_django_are_told_with_the_way_out(tmp_path):
    services = {"a": {"env": {DJANGO: "a.settings"}}, "b": {"env": {DJANGO: "b.settings"}}}
    ((code, sentence, remedy),) = checked(tmp_path, services)
    assert code == Unshareable.code
    assert sentence == (
        f'b cannot share a process with others: its {DJANGO} is b.settings, that of "a" a.settings; '
        "a process has one Django"
    )
    assert remedy == 'Give it a process of its own: placement = "own".'


ALIKE = {
    "in processes of their own": ({DJANGO: "a"}, {DJANGO: "b"}, "multi"),
    "what a variable stands for": ({DJANGO: "${WHICH}"}, {DJANGO: "a"}, "single"),
    "what is known only at the start": ({DJANGO: "${services.x.port}"}, {DJANGO: "a"}, "single"),
    "all the same": ({DJANGO: "a"}, {DJANGO: "a"}, "single"),
}


@pytest.mark.parametrize(("one", "two", "mode"), ALIKE.values(), ids=ALIKE)
def test_what_can_be_shared_is_no_error(tmp_path, one, two, mode):
    services = {"x": {"port": 8000}, "a": {"env": one}, "b": {"env": two}}
    assert checked(tmp_path, services, {"WHICH": "a"}, mode) == []


def test_two_modules_of_one_name_are_told_before_either_is_imported(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.py").write_text("raise SystemExit\n", encoding="utf-8")
    services = {"a": {"pythonpath": ["one"]}, "b": {"pythonpath": ["two"]}}
    made = profile_of({name: {"command": None, "app": "main:app", **one} for name, one in services.items()}).services
    reasons = [one.reason for one in unshareable_of(made, root=str(tmp_path), env={}, names=["a", "b"])]
    assert f'its module "main" is {tmp_path}/two/main.py, but that of "a" is {tmp_path}/one/main.py' in reasons
