"""Bring the database to the newest schema: a task that runs to completion, and again without harm.

python -m shop.migrate
"""

from __future__ import annotations

import sys

from shop.database import connect, database_path

#: Applied in order, each once; `PRAGMA user_version` counts how many have been.
MIGRATIONS = (
    """
    CREATE TABLE products (
        sku TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        price_cents INTEGER NOT NULL CHECK (price_cents > 0),
        stock INTEGER NOT NULL CHECK (stock >= 0)
    );
    CREATE TABLE reservations (
        id INTEGER PRIMARY KEY,
        sku TEXT NOT NULL REFERENCES products,
        quantity INTEGER NOT NULL CHECK (quantity > 0)
    );
    INSERT INTO products VALUES
        ('teapot', 'Teapot', 'Short and stout, holds 1.2 litres. Never brews coffee.', 2450, 40),
        ('mug', 'Mug', 'Stoneware, 300 ml, survives dishwashers and stand-ups.', 890, 200),
        ('kettle', 'Kettle', 'Boils on any stove and says so.', 3900, 15),
        ('tea', 'Assam, 250 g', 'Second flush, loose leaf.', 720, 500),
        ('sieve', 'Tea sieve', 'Fine steel mesh.', 540, 0);
    """,
    """
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        customer TEXT NOT NULL,
        sku TEXT NOT NULL,
        product TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        price_cents INTEGER NOT NULL,
        status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'shipped')),
        placed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
        shipped_at TEXT
    );
    CREATE INDEX queued_orders ON orders (id) WHERE status = 'queued';
    """,
)


def migrate() -> int:
    """Apply what is missing, each step whole or not at all; returns how many steps that were."""
    database_path().parent.mkdir(parents=True, exist_ok=True)
    connection = connect(create=True)
    try:
        connection.execute("PRAGMA journal_mode = WAL")  # readers and the one writer do not wait for each other
        applied = 0
        for version, script in enumerate(MIGRATIONS, start=1):
            connection.execute("BEGIN IMMEDIATE")  # two migrations at once: the second one finds it done
            if connection.execute("PRAGMA user_version").fetchone()[0] < version:
                for statement in script.split(";\n"):  # executescript would commit before it begins
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")
                applied += 1
            connection.execute("COMMIT")
    finally:
        connection.close()
    return applied


def main() -> int:
    """Migrate and say so."""
    applied = migrate()
    told = f"{applied} of {len(MIGRATIONS)} migrations applied" if applied else "nothing to migrate"
    sys.stdout.write(f"{database_path()}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
