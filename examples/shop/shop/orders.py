"""The orders service: places orders, with price and stock from the catalog, and tells how they are doing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from shop.database import reading, writing
from shop.remote import Refused, Unreachable, call

CATALOG = os.environ.get("CATALOG_URL", "http://127.0.0.1:8001")

app = FastAPI(title="orders")


class NewOrder(BaseModel):
    """What a customer asks for."""

    customer: Annotated[str, Field(min_length=1, max_length=80)]
    sku: str
    quantity: Annotated[int, Field(ge=1, le=100)]


@app.get("/healthz")
def health() -> dict[str, str]:
    """Healthy while the orders can be read. The catalog has a check of its own: one failure, one service unhealthy."""
    try:
        with reading() as database:
            database.execute("SELECT 1 FROM orders LIMIT 1")
    except sqlite3.Error as error:
        raise HTTPException(503, f"database: {error}") from None
    return {"status": "ok"}


@app.get("/orders")
def orders() -> list[dict[str, Any]]:
    """List the latest hundred orders, newest first."""
    with reading() as database:
        return [dict(row) for row in database.execute("SELECT * FROM orders ORDER BY id DESC LIMIT 100")]


@app.get("/orders/{number}")
def order(number: int) -> dict[str, Any]:
    """Tell of one order."""
    with reading() as database:
        row = database.execute("SELECT * FROM orders WHERE id = ?", [number]).fetchone()
    if row is None:
        raise HTTPException(404, f"there is no order {number}")
    return dict(row)


@app.post("/orders", status_code=201)
def place(new: NewOrder) -> dict[str, Any]:
    """Reserve the goods, then queue the order for shipping; when queueing fails, the goods go back."""
    try:
        reserved = call("POST", f"{CATALOG}/reservations", {"sku": new.sku, "quantity": new.quantity})
    except Refused as refusal:
        raise HTTPException(refusal.status, refusal.reason) from None
    except Unreachable as error:
        raise HTTPException(503, f"the catalog cannot be reached: {error}") from None
    try:
        with writing() as database:
            row = database.execute(
                "INSERT INTO orders (customer, sku, product, quantity, price_cents) VALUES (?, ?, ?, ?, ?) RETURNING *",
                [new.customer, new.sku, reserved["name"], new.quantity, reserved["price_cents"]],
            ).fetchone()
    except sqlite3.Error as error:
        with suppress(Refused, Unreachable):  # the customer hears of the first failure, not of the second
            call("DELETE", f"{CATALOG}/reservations/{reserved['id']}")
        raise HTTPException(503, f"the order could not be stored: {error}") from None
    return dict(row)
