"""The history in a SQLite file of the run folder (0600), bounded in age and size.

A file that is damaged, or is none of ours, is set aside as `history.db.bad` and a new one begun. Knows SQLite and the
records; nothing of threads or of when to write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import convert
from msgspec.structs import astuple

from launcher.observe.history.record import Record, Session, StoreTrouble

#: The form of the tables; a file of a later form is left alone.
VERSION = 1
#: No file is kept smaller than this, in bytes.
SMALLEST = 256 * 1024
#: After so many records the bounds are looked at.
TRIM_EVERY = 200
#: A reader holds up a writer for no longer, in seconds.
PATIENCE = 2.0
#: The share of the size at which the oldest go, and how many of them.
_FULL, _LET_GO = 0.8, 0.25

_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, began REAL NOT NULL, began_now REAL NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL,
    seen REAL NOT NULL, seen_now REAL NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS changes (
    session TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, now REAL NOT NULL, instance TEXT NOT NULL,
    service TEXT NOT NULL, label TEXT NOT NULL, generation INTEGER NOT NULL, before TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, exit_code INTEGER, pid INTEGER);
"""
_DAMAGED = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteStore:
    """One file. `set_aside` hears when a damaged one had to make room; `wall` is a clock that does not jump ahead."""

    def __init__(
        self, path: Path, *, keep: float, size: int, wall: Callable[[], float], set_aside: Callable[[str], None]
    ) -> None:
        self._path = path
        self._keep = keep
        self._size = max(size, SMALLEST)
        self._wall = wall
        self._set_aside = set_aside
        self._base: sqlite3.Connection | None = None
        self._untrimmed = TRIM_EVERY

    def write(self, session: Session, records: Sequence[Record]) -> None:
        """Keep these; a damaged file is replaced by a new one on the way."""
        try:
            self._write(session, records)
        except sqlite3.Error as error:
            self.close()
            if not _is_damaged(error):
                raise _trouble(self._path, error) from error
            try:
                self._replace()
                self._write(session, records)
            except (sqlite3.Error, OSError) as again:
                self.close()
                raise _trouble(self._path, again) from again

    def sessions(self) -> list[Session]:
        with _reading(self._path) as base:
            return [_session(row) for row in base.execute("SELECT * FROM sessions ORDER BY rowid")] if base else []

    def records(self, services: Sequence[str]) -> Iterator[Record]:
        marks = ", ".join("?" * len(services))
        where = f"WHERE service IN ({marks}) OR instance IN ({marks}) OR label IN ({marks})" if services else ""
        with _reading(self._path) as base:
            if base:
                query = f"SELECT * FROM changes {where} ORDER BY rowid"  # noqa: S608  (question marks)
                for row in base.execute(query, (*services, *services, *services)):
                    yield _record(row)

    def close(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            with suppress(sqlite3.Error):
                base.close()

    def _write(self, session: Session, records: Sequence[Record]) -> None:
        if self._base is None:
            self._base = self._open()
        self._untrimmed += len(records)
        if self._untrimmed >= TRIM_EVERY:
            self._trim(self._base)
            self._untrimmed = 0
        with self._base as base:
            base.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", astuple(session))
            base.executemany(
                "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(astuple, records)
            )

    def _open(self) -> sqlite3.Connection:
        with suppress(OSError):  # SQLite says what is wrong
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        base = sqlite3.connect(self._path, timeout=PATIENCE, check_same_thread=False)
        try:
            self._prepare(base)
        except BaseException:
            base.close()
            raise
        return base

    def _prepare(self, base: sqlite3.Connection) -> None:
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreTrouble(f"{self._path} was written by a later version of launcher", lasting=True)
        base.executescript(
            # A quarter of a megabyte of memory is plenty for appending. Without a sync at every change a power cut may
            # cost the last seconds, and never the file.
            "PRAGMA cache_size = -256; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 1048576;"
        )
        if version < VERSION:
            base.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")

    def _trim(self, base: sqlite3.Connection) -> None:
        """Let go what is too old, and the oldest where there is too much. Freed pages are used again."""
        with base:
            oldest = self._wall() - self._keep
            kept = base.execute("SELECT rowid FROM changes WHERE at >= ? ORDER BY rowid LIMIT 1", (oldest,)).fetchone()
            if kept is not None:
                base.execute("DELETE FROM changes WHERE rowid < ?", kept)
            else:
                base.execute("DELETE FROM changes WHERE at < ?", (oldest,))
            pages, page, free = (
                base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size", "freelist_count")
            )
            if (pages - free) * page > _FULL * self._size:
                first, last = base.execute("SELECT min(rowid), max(rowid) FROM changes").fetchone()
                if first is not None:
                    base.execute("DELETE FROM changes WHERE rowid <= ?", (first + int((last - first) * _LET_GO),))
            base.execute("DELETE FROM sessions WHERE id NOT IN (SELECT session FROM changes)")
        if pages * page > self._size:  # it was allowed to be larger once
            base.execute("VACUUM")

    def _replace(self) -> None:
        bad = self._path.with_name(f"{self._path.name}.bad")
        self._path.replace(bad)
        for rest in ("-wal", "-shm"):
            self._path.with_name(self._path.name + rest).unlink(missing_ok=True)
        self._untrimmed = TRIM_EVERY
        self._set_aside(f"{self._path.name} was damaged: it is set aside as {bad.name}, and a new one is begun")


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The file, opened to be read by any process; None: there is none, or its writer has only just made it."""
    if not path.exists():
        yield None
        return
    try:
        base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
        try:
            try:
                base.execute("SELECT 1 FROM changes LIMIT 1")
            except sqlite3.OperationalError:  # a folder that we may not write to, where SQLite wants its -shm
                base.close()
                base = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
            is_empty = not base.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            yield None if is_empty else base
        finally:
            base.close()
    except sqlite3.Error as error:
        raise _trouble(path, error) from error


def _session(row: tuple[object, ...]) -> Session:
    return convert(dict(zip(Session.__struct_fields__, row, strict=True)), Session, strict=False)


def _record(row: tuple[object, ...]) -> Record:
    return convert(dict(zip(Record.__struct_fields__, row, strict=True)), Record, strict=False)


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0: it is none of SQLite's errors."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_damaged(error: sqlite3.Error) -> bool:
    return _code(error) in _DAMAGED


def _trouble(path: Path, error: BaseException) -> StoreTrouble:
    return StoreTrouble(f"cannot use {path}: {error}")
