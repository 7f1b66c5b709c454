"""The project: the nearest folder upwards with profiles, `[tool.launcher]` or a Procfile, and what stands in it.

A rim, as `load` is: looks at folders and reads `pyproject.toml`. Knows no profile's content.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from launcher.errors import LauncherError, NoProject, UnknownKey, WrongType
from launcher.profile.files import read_text, syntax_error

FOLDER = "profiles"
SUFFIX = ".toml"
LOCAL = ".local.toml"
PROCFILE = "Procfile"
FALLBACK = "dev"


class Project(Struct, frozen=True):
    """A folder, the profiles in it by name, its Procfile, and the profile taken when none is named."""

    root: Path
    profiles: dict[str, Path]
    procfile: Path | None
    default_profile: str | None


def find_project(start: Path) -> Project:
    """The project that `start` lies in; raises NoProject, and TomlSyntax for a `pyproject.toml` that may matter."""
    start = start.absolute()
    for folder in (start, *start.parents):
        settings = _settings(folder / "pyproject.toml")
        procfile = folder / PROCFILE
        if settings is not None or (folder / FOLDER).is_dir() or procfile.is_file():
            return Project(
                root=folder,
                profiles=_profiles(folder / FOLDER),
                procfile=procfile if procfile.is_file() else None,
                default_profile=(settings or {}).get("profile"),
            )
    raise NoProject(f"no project in {start} or above")


def choose_profile(project: Project, named: str | None, environ: Mapping[str, str]) -> str:
    """The profile named, else $LAUNCHER_PROFILE, else what `[tool.launcher]` says, else `dev`."""
    return named or environ.get("LAUNCHER_PROFILE") or project.default_profile or FALLBACK


def _profiles(folder: Path) -> dict[str, Path]:
    paths = sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.endswith(LOCAL))
    return {path.name.removesuffix(SUFFIX): path for path in paths}


def _settings(path: Path) -> dict[str, Any] | None:
    """`[tool.launcher]` of a `pyproject.toml`, None where there is none."""
    try:
        text = read_text(path, str(path))
    except LauncherError:
        return None
    if "launcher" not in text:  # most files by far: not worth a parse
        return None
    import tomllib  # noqa: PLC0415  (3 ms, for the projects that say something there)

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(error, text, str(path)) from None
    settings = data.get("tool", {}).get("launcher") if isinstance(data.get("tool"), dict) else None
    if settings is None:
        return None
    _check(settings, text, str(path))
    return dict(settings)


def _check(settings: Any, text: str, place: str) -> None:
    if not isinstance(settings, dict):
        raise WrongType("tool.launcher: expected a table", where=place)
    if settings.keys() <= {"profile"} and isinstance(settings.get("profile", ""), str):
        return
    from launcher.profile.names import did_you_mean  # noqa: PLC0415  (only when something is wrong)
    from launcher.profile.positions import positions  # noqa: PLC0415

    for key, value in settings.items():
        line, _ = positions(text).get(("tool", "launcher", key), (1, 1))
        if key != "profile":
            raise UnknownKey(
                f"tool.launcher.{key}: unknown key{did_you_mean(key, ['profile'])}",
                where=f"{place}:{line}",
                remedy="Only `profile` stands here; everything else belongs into profiles/NAME.toml.",
            )
        if not isinstance(value, str):
            raise WrongType(f"tool.launcher.{key}: expected the name of a profile", where=f"{place}:{line}")
