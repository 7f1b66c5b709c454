"""FastAPI: pydantic, a lifespan, a plain `def` in its thread pool, static files, its own documentation."""

from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel


class Item(BaseModel):
    name: str
    price: int = 0


@asynccontextmanager
async def lifespan(_app):
    yield {"began": "began"}


app = FastAPI(lifespan=lifespan)
app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))


@app.get("/items/{name}")
def read(name: str, request: Request):
    return {"name": name, "at": request.url_for("read", name=name).path}


@app.get("/state")
async def state(request: Request):
    return request.state.began


@app.post("/items", status_code=201)
async def add(item: Item) -> Item:
    return item
