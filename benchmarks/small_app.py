"""A small service as people write them: FastAPI, pydantic models, SQLite. Copied once for each service of `modes`."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Item(BaseModel):
    """What is kept."""

    name: str
    price: float
    tags: list[str] = []


class Kept(Item):
    """What is kept, with its number."""

    id: int


db = sqlite3.connect(":memory:", check_same_thread=False)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Make the table, and put something in."""
    db.execute("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
    db.executemany("INSERT INTO items (name, price) VALUES (?, ?)", [(f"item {n}", n / 10) for n in range(50)])
    yield


app = FastAPI(title="a small service", lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether it lives."""
    return {"status": "ok"}


@app.get("/items")
async def items(limit: int = 10) -> list[Kept]:
    """List some."""
    rows = db.execute("SELECT id, name, price FROM items LIMIT ?", (limit,))
    return [Kept(id=id_, name=name, price=price) for id_, name, price in rows]


@app.post("/items")
async def add(item: Item) -> Kept:
    """Keep one more."""
    cursor = db.execute("INSERT INTO items (name, price) VALUES (?, ?)", (item.name, item.price))
    return Kept(id=cursor.lastrowid or 0, **item.model_dump())
