"""Writes exported files, each aside and then renamed, and compares those on disk with what they should be.

What a person wrote or edited is not overwritten unless that is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from launcher.errors import EditedByHand, LauncherError, LocationUnusable, NotExported, OutOfDate, ProblemsFound
from launcher.exporters.base import File
from launcher.exporters.stamp import Origin, origin, stamped
from launcher.files import write_whole


def write(files: Sequence[File], location: Path, command: str, *, force: bool) -> int:
    """Write all files, or none where one must not be overwritten; prints each."""
    places = _places(files, location)
    problems = [] if force else [problem for place in places if (problem := _taken(place))]
    if problems:
        raise problems[0] if len(problems) == 1 else ProblemsFound(problems)
    for place, file in places.items():
        _write(place, stamped(file, command), file.mode)
        print(place)
    return 0


def check(files: Sequence[File], location: Path, command: str) -> int:
    """Compare; raises OutOfDate after printing what differs."""
    from difflib import unified_diff  # noqa: PLC0415  (only here)

    stale: list[str] = []
    for place, file in _places(files, location).items():
        there = _read(place) or ""
        wanted = stamped(file, command)
        if there == wanted:
            continue
        stale.append(str(place))
        if file.private:
            print(f"{place} differs; it holds secrets, so the difference is not shown")
            continue
        lines = unified_diff(
            there.splitlines(keepends=True),
            wanted.splitlines(keepends=True),
            fromfile=f"{place} (on disk)",
            tofile=f"{place} (exported now)",
        )
        sys.stdout.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)
    if stale:
        raise OutOfDate(f"out of date: {', '.join(stale)}")
    return 0


def _places(files: Sequence[File], location: Path) -> dict[Path, File]:
    """Where each file goes. A location may name the file itself: the only one of that kind, or the first of several."""
    if len(files) == 1 and not location.is_dir():
        name = Path(files[0].name)
        if location.name == name.name or (name.suffix and location.suffix == name.suffix):
            return {location: files[0]}
    elif location.name == files[0].name and not location.is_dir():
        return {location.with_name(file.name): file for file in files}
    if location.exists() and not location.is_dir():
        raise LocationUnusable(f"cannot export into {location}: it is a file, not a folder")
    return {location / file.name: file for file in files}


def _taken(place: Path) -> LauncherError | None:
    there = _read(place)
    if there is None:
        return None
    match origin(there):
        case Origin.EDITED:
            return EditedByHand(f"{place} was edited since it was exported")
        case Origin.FOREIGN:
            return NotExported(f"{place} is there, and was not exported by launcher")
        case Origin.EXPORTED:
            return None


def _read(place: Path) -> str | None:
    try:
        return place.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocationUnusable(f"cannot read {place}: {error.strerror}") from None


def _write(place: Path, content: str, mode: int) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, content.encode(), mode=mode, durable=True)
    except OSError as error:
        raise LocationUnusable(f"cannot write {place}: {(error.strerror or str(error)).lower()}") from None
