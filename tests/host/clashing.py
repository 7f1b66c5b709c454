"""FastAPI apps that use the same names for different things; the annotations here are values, as FastAPI wants them."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer
from pydantic import create_model


def clashing_app(kind: type) -> FastAPI:
    """Models of one name, one within the other, log-ins, tags and generated ids."""
    item = create_model("Item", price=(kind, ...))
    order = create_model("Order", items=(list[item], ...))
    app, router = FastAPI(title=f"of {kind.__name__}", version="2"), APIRouter(tags=["orders"])
    log_in = Security(OAuth2PasswordBearer("token", auto_error=False))
    key = Security(APIKeyHeader(name="X-Key", auto_error=False))

    @router.post("/orders")
    def add(one: order, who: Annotated[str, log_in], by: Annotated[str, key]) -> order:
        return one

    @app.get("/health")
    def health() -> str:
        return "fine"

    app.include_router(router)
    return app
