"""Litestar: typed JSON in and out, static files, its own description; it sets logging up when it is imported."""

from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar, Request, get, post
from litestar.static_files import create_static_files_router


@dataclass
class Item:
    name: str
    price: int = 0


@get("/items/{fruit:str}", name="item")
async def read(fruit: str, request: Request) -> dict[str, str]:
    return {"name": fruit, "at": request.url_for("item", fruit=fruit)}


@post("/items")
async def add(data: Item) -> Item:
    return data


static = create_static_files_router(path="/static", directories=[Path(__file__).parent / "static"])
app = Litestar([read, add, static])
