"""`launcher import FILE`: the rim around the importers. Reads the file, prints or writes the profile, tells the losses.

Decides nothing about what a key becomes: that is the importers'.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import (
    CATALOGUE,
    ImportTargetExists,
    ImportTargetUnwritable,
    ImportUnreadable,
    LauncherError,
    NoProject,
    NothingToImport,
    ProblemsFound,
    ProfileUnreadable,
)
from launcher.files import write_whole

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.importers.base import Imported, Source

STDOUT = "-"


def import_(args: Namespace) -> int:
    """Import a file of another tool as a profile."""
    from launcher.importers.lookup import choose  # noqa: PLC0415
    from launcher.importers.written import to_toml  # noqa: PLC0415
    from launcher.plan.text import count  # noqa: PLC0415

    start = Path(args.directory or ".").absolute()
    path = start / args.file
    target = None if args.output == STDOUT else start / args.output
    source = _source(path, _root(start, target))
    imported = choose(path.name, source.text, place=source.place, wanted=args.format).read(source)
    _tell_losses(imported, strict=args.strict)
    if not imported.services:
        raise NothingToImport(f"{source.place} has nothing that can run as a process")
    text = to_toml(imported, origin=source.place)
    if target is None:
        sys.stdout.write(text)
        return 0
    _write(target, text, shown=args.output, force=args.force)
    losses = f", {count(len(imported.losses), 'warning')}" if imported.losses else ""
    print(f"wrote {args.output}: {count(len(imported.services), 'service')}{losses}")
    return 0


def _root(start: Path, target: Path | None) -> Path:
    """The project that the profile will lie in."""
    from launcher.profile.project import FOLDER, find_project  # noqa: PLC0415

    if target is not None and target.parent.name == FOLDER:
        return target.parent.parent
    try:
        return find_project(start).root
    except NoProject:
        return start


def _source(path: Path, root: Path) -> Source:
    from launcher.importers.base import Source  # noqa: PLC0415

    path, root = path.resolve(), root.resolve()
    inside = path.is_relative_to(root)
    place = path.relative_to(root).as_posix() if inside else str(path)
    dotenv = path.parent / ".env"
    return Source(
        text=_read(path, place),
        place=place,
        folder=path.parent.relative_to(root).as_posix() if inside else str(path.parent),
        here=str(path.parent),
        dotenv=_read(dotenv, ".env") if dotenv.is_file() else None,
    )


def _read(path: Path, place: str) -> str:
    from launcher.profile.files import read_text  # noqa: PLC0415

    try:
        return read_text(path, place)
    except ProfileUnreadable as error:
        raise ImportUnreadable(error.sentence, where=error.where if error.where != place else "") from None


def _tell_losses(imported: Imported, *, strict: bool) -> None:
    """Print what was not carried over; raise it all where that is an error."""
    if not strict:
        for caution in imported.losses:
            print(caution, file=sys.stderr)
        return
    problems: list[LauncherError] = [
        CATALOGUE[caution.code](caution.sentence, where=caution.where) for caution in imported.losses
    ]
    if problems:
        raise ProblemsFound(problems)


def _write(target: Path, text: str, *, shown: str, force: bool) -> None:
    """Write the profile aside and move it into its place; what is there stays unless `force`."""
    try:
        if target.is_dir():
            raise ImportTargetUnwritable(f"cannot write {shown}: it is a folder")
        if target.exists() and not force:
            raise ImportTargetExists(f"{shown} exists already")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text.encode(), durable=True)
    except FileExistsError:
        raise ImportTargetUnwritable(f"cannot write {shown}: {target.parent} is no folder") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ImportTargetUnwritable(f"cannot write {shown}: {reason}") from None
