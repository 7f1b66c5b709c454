"""What the tests of importers share: a text imported, its profile loaded, and the words that a process would get."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

from launcher.importers.base import Imported, Source
from launcher.importers.written import to_toml
from launcher.profile.interpolate import expand
from launcher.profile.model import Profile, Service
from tests.profile.loading import loaded

FILES = Path(__file__).parent / "files"


def imported(importer: ModuleType, text: str, **source: object) -> Imported:
    """The text as the importer reads it."""
    known = {"place": "file", "here": "/srv/shop", **source}
    return importer.read(Source(text=text, **known))


def profile_of(project, found: Imported, name: str = "dev") -> Profile:
    """What is loaded of the written profile."""
    path = project.profile(name, "")
    path.write_text(to_toml(found, origin="file"), encoding="utf-8")
    return loaded(project, name).profile


def losses(found: Imported) -> list[str]:
    """Code, place and sentence of each, in the order told."""
    return [str(caution) for caution in found.losses]


def words_of(service: Service, environ: dict[str, str] | None = None) -> list[str]:
    """The words that the service's process gets; a command for the shell is read by the real one."""
    if isinstance(service.command, list):
        return [expand(word, variables=None, dotted=lambda name: f"<{name}>") for word in service.command]
    assert service.command is not None
    command = expand(service.command, variables=None, dotted=lambda name: f"<{name}>")
    done = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {command}"],
        env={"PATH": "/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        timeout=20,
        check=True,
    )
    return done.stdout.decode().split("\0")[:-1]


def env_of(profile: Profile, service: Service, environ: dict[str, str] | None = None) -> dict[str, str]:
    """The environment that the profile gives to the service's process."""
    env = dict(environ or {})
    for layer in (profile.env, service.env):
        below = dict(env)
        env |= {name: expand(text, variables=below, dotted=lambda name: f"<{name}>") for name, text in layer.items()}
    return {name: env[name] for name in (*profile.env, *service.env)}
