"""The web pages: products to order, an order's way, all orders. Everything they show comes from the other services."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from shop.remote import Refused, Unreachable, call

if TYPE_CHECKING:
    from starlette.requests import Request

CATALOG = os.environ.get("CATALOG_URL", "http://127.0.0.1:8001")
ORDERS = os.environ.get("ORDERS_URL", "http://127.0.0.1:8002")

templates = Jinja2Templates(Path(__file__).parent / "templates")
templates.env.filters["euro"] = lambda cents: f"€ {cents / 100:,.2f}"


def health(_request: Request) -> Response:
    """Healthy while pages can be served: what is behind them has checks of its own."""
    return JSONResponse({"status": "ok"})


def products(request: Request) -> Response:
    """Show what there is to buy."""
    return page(request, "products.html", products=call("GET", f"{CATALOG}/products"))


async def place(request: Request) -> Response:
    """Place the order that the form on a product asks for, then show it."""
    # A form of three short fields: no need of python-multipart, which Starlette's request.form() is built on.
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
    placed = await run_in_threadpool(call, "POST", f"{ORDERS}/orders", form)
    return RedirectResponse(f"/my/orders/{placed['id']}", status_code=303)


def order(request: Request) -> Response:
    """Show one order; the page looks again by itself until it is shipped."""
    return page(request, "order.html", order=call("GET", f"{ORDERS}/orders/{request.path_params['number']}"))


def orders(request: Request) -> Response:
    """Show the latest orders."""
    return page(request, "orders.html", orders=call("GET", f"{ORDERS}/orders"))


def refused(request: Request, error: Exception) -> Response:
    """Show why a service said no."""
    assert isinstance(error, Refused)
    return page(request, "problem.html", status=error.status, title="That did not work", reason=error.reason)


def unreachable(request: Request, error: Exception) -> Response:
    """Show that a service behind the pages is away."""
    return page(request, "problem.html", status=503, title="Back in a moment", reason=str(error))


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
    """Fill a template in."""
    return templates.TemplateResponse(request, name, values, status_code=status)


app = Starlette(
    routes=[
        Route("/", products),
        Route("/my/orders", place, methods=["POST"]),
        Route("/my/orders", orders),
        Route("/my/orders/{number:int}", order),
        Route("/healthz", health),
    ],
    exception_handlers={Refused: refused, Unreachable: unreachable},
)
