"""Datasette over a small database; `BASE_URL` is its own setting of the prefix it is under."""

import os
import sqlite3
from pathlib import Path

from datasette.app import Datasette


def create():
    path = Path(os.environ["DATA"]) / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("create table if not exists items (id integer primary key, name text)")
        database.execute("insert or replace into items values (1, 'pear'), (2, 'plum')")
    database.close()
    settings = {"base_url": os.environ.get("BASE_URL", "/")}
    return Datasette([str(path)], settings=settings, secret="of no use to anybody").app()
