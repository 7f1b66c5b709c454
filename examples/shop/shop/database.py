"""The one SQLite file behind the shop: where it is, and how to open it.

$SHOP_DB names it; a relative path counts from the folder above this package, whatever folder a process runs in.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[1]
#: Seconds that a writer waits for another one: SQLite lets one write at a time.
BUSY = 5.0


def database_path() -> Path:
    """Where the data is."""
    return PROJECT / os.environ.get("SHOP_DB", "var/shop.db")


def connect(*, create: bool = False) -> sqlite3.Connection:
    """Open the database, which must exist unless `create`; every statement commits by itself."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{database_path().as_uri()}?mode={mode}", uri=True, timeout=BUSY, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def reading() -> Iterator[sqlite3.Connection]:
    """Open a connection for a block of reads (or for single statements that write)."""
    connection = connect()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def writing() -> Iterator[sqlite3.Connection]:
    """Open a transaction that holds the write lock from its beginning: all of the block happens, or nothing."""
    with reading() as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
