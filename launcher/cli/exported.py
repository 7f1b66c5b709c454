"""What `launcher export supervisord DIR` has left in a folder: the configuration, the plan, and whose they are."""

from __future__ import annotations

import os
import shlex
from configparser import Error, RawConfigParser
from pathlib import Path

from msgspec import Struct

from launcher.errors import NothingToInstall
from launcher.exporters import handover
from launcher.exporters.handover import Handover
from launcher.exporters.supervisord import AGENT

CONFIGURATION = "supervisord.conf"


class Exported(Struct, frozen=True, kw_only=True):
    """An export for supervisord. `python` is the interpreter that it was made for, `owner` has the run folder."""

    configuration: Path
    given: Handover
    python: str
    owner: int


def configuration_in(location: str) -> Path:
    """The configuration in a folder, by an absolute path; links are kept, for they are how folders are exchanged."""
    path = Path(os.path.abspath(location))  # noqa: PTH100  (pathlib leaves `..` where it is)
    return path if path.name == CONFIGURATION else path / CONFIGURATION


def exported_in(location: str) -> Exported:
    """Read it; raises NothingToInstall where something is missing."""
    configuration = configuration_in(location)
    again = f"launcher export supervisord {shlex.quote(str(configuration.parent))} --profile NAME"
    python = _python(configuration, again)
    place = configuration.with_name(handover.NAME)
    try:
        given = handover.read(place.read_bytes())
    except OSError as problem:
        raise NothingToInstall(f"cannot read {place}: {problem.strerror}", remedy=f"Export it: {again}.") from problem
    if not isinstance(given, Handover):
        raise NothingToInstall(f"{place} is not what this version exports: {given}", remedy=f"Export again: {again}.")
    try:
        owner = Path(given.run).stat().st_uid
    except OSError as problem:
        raise NothingToInstall(
            f"the run folder {given.run} cannot be used: {problem.strerror}", remedy=f"Export again: {again}."
        ) from problem
    return Exported(configuration=configuration, given=given, python=python, owner=owner)


def _python(configuration: Path, again: str) -> str:
    parser = RawConfigParser(strict=False)
    try:
        with configuration.open(encoding="utf-8") as file:
            parser.read_file(file)
        words = shlex.split(parser.get(f"eventlistener:{AGENT}", "command", fallback="").replace("%%", "%"))
    except OSError as problem:
        raise NothingToInstall(
            f"cannot read {configuration}: {problem.strerror}", remedy=f"Export it: {again}."
        ) from problem
    except (Error, ValueError) as problem:
        raise NothingToInstall(
            f"{configuration} is no configuration: {problem}".replace("\n", " "), remedy=f"Export again: {again}."
        ) from problem
    if not words:
        raise NothingToInstall(
            f"{configuration} has no agent of launcher in it",
            remedy="What --plain exports is run by the supervisord that your system brings, and its unit.",
        )
    if not os.access(words[0], os.X_OK):
        raise NothingToInstall(
            f"{words[0]}, for which {configuration} was exported, is no longer there", remedy=f"Export again: {again}."
        )
    return words[0]
