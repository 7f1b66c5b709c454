"""The catalog service: what there is to buy, at what price, and how much of it is left."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from shop.database import reading, writing

app = FastAPI(title="catalog")


class Wanted(BaseModel):
    """What somebody asks to have set aside."""

    sku: str
    quantity: Annotated[int, Field(ge=1, le=100)]


@app.get("/healthz")
def health() -> dict[str, str]:
    """Healthy while the products can be read."""
    try:
        with reading() as database:
            database.execute("SELECT 1 FROM products LIMIT 1")
    except sqlite3.Error as error:
        raise HTTPException(503, f"database: {error}") from None
    return {"status": "ok"}


@app.get("/products")
def products() -> list[dict[str, Any]]:
    """List all products, by name."""
    with reading() as database:
        return [dict(row) for row in database.execute("SELECT * FROM products ORDER BY name")]


@app.post("/reservations", status_code=201)
def reserve(wanted: Wanted) -> dict[str, Any]:
    """Take from the stock, and say at what price; 409 when too little is left."""
    with writing() as database:
        product = database.execute("SELECT * FROM products WHERE sku = ?", [wanted.sku]).fetchone()
        if product is None:
            raise HTTPException(404, f"there is no product {wanted.sku!r}")
        if product["stock"] < wanted.quantity:
            raise HTTPException(409, f"only {product['stock']} of {product['name']} left")
        database.execute("UPDATE products SET stock = stock - ? WHERE sku = ?", [wanted.quantity, wanted.sku])
        added = database.execute(
            "INSERT INTO reservations (sku, quantity) VALUES (?, ?)", [wanted.sku, wanted.quantity]
        )
        return {"id": added.lastrowid, "name": product["name"], "price_cents": product["price_cents"]}


@app.delete("/reservations/{number}", status_code=204)
def give_back(number: int) -> None:
    """Undo a reservation; doing it twice changes nothing."""
    with writing() as database:
        reserved = database.execute(
            "DELETE FROM reservations WHERE id = ? RETURNING sku, quantity", [number]
        ).fetchone()
        if reserved is not None:
            database.execute(
                "UPDATE products SET stock = stock + ? WHERE sku = ?", [reserved["quantity"], reserved["sku"]]
            )
