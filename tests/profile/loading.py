"""What the tests of profiles share: load the project in a folder, and the problems as plain lines."""

from __future__ import annotations

import pytest

from launcher.errors import ProblemsFound
from launcher.profile.load import load
from launcher.profile.loaded import Loaded
from launcher.profile.project import find_project


def loaded(project, name="dev", *, environ=None, sets=()) -> Loaded:
    """The profile `name` of the project."""
    return load(find_project(project.root), name, environ={"PATH": "/usr/bin:/bin", **(environ or {})}, sets=sets)


def problems(project, name="dev", *, environ=None, sets=()) -> list[str]:
    """What is wrong with the profile: `1004 profiles/dev.toml:3: sentence`, in the order told."""
    with pytest.raises(ProblemsFound) as raised:
        loaded(project, name, environ=environ, sets=sets)
    assert all(problem.remedy for problem in raised.value.problems)
    return [f"{problem.code} {problem}" for problem in raised.value.problems]
