"""The example application, each part a process of its own under the real host, without the launcher."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys

import pytest

from tests.serving import ROOT, Child, serving_ready

pytestmark = pytest.mark.slow  # each test starts several interpreters

SHOP = ROOT / "examples" / "shop"


@pytest.fixture
def env(tmp_path):
    """The environment of every part: a database of this test's own, migrated."""
    env = {"PATH": os.environ["PATH"], "SHOP_DB": str(tmp_path / "shop.db"), "SHOP_PACKING_SECONDS": "0"}
    assert run("shop.migrate", env) == (0, f"{env['SHOP_DB']}: 2 of 2 migrations applied\n")
    return env


def start(module, env):
    return Child([sys.executable, "-m", module], env=env, directory=SHOP)


def run(module, env):
    child = start(module, env)
    try:
        return child.wait(), child.output()
    finally:
        child.close()


@pytest.fixture
def catalog(env):
    with serving_ready("shop.catalog:app", directory=SHOP, env=env) as server:
        yield server


@pytest.fixture
def orders(env, catalog):
    with serving_ready("shop.orders:app", directory=SHOP, env={**env, "CATALOG_URL": catalog.url}) as server:
        yield server


@pytest.fixture
def web(env, catalog, orders):
    urls = {"CATALOG_URL": catalog.url, "ORDERS_URL": orders.url}
    with serving_ready("shop.web:app", directory=SHOP, env={**env, **urls}) as server:
        yield server


@pytest.fixture
def worker(env):
    worker = start("shop.worker", env)
    yield worker
    worker.close()


def stock(catalog, sku):
    return next(product["stock"] for product in json.loads(catalog.ask("/products").text) if product["sku"] == sku)


def test_an_order_placed_on_the_page_is_stored_and_shipped(web, orders, catalog, worker):
    assert "Teapot" in web.ask("/").text
    placed = web.ask("/my/orders", form={"sku": "teapot", "customer": "Ada <Lovelace>", "quantity": "2"})
    assert (placed.status, placed.location) == (303, "/my/orders/1")
    worker.says("order 1: shipped")
    page = web.ask(placed.location).text
    assert re.search(r'class="status shipped"', page)
    assert "Ada &lt;Lovelace&gt;" in page
    assert "€ 49.00" in page
    assert json.loads(orders.ask("/orders/1").text)["status"] == "shipped"
    assert stock(catalog, "teapot") == 38
    assert "Ada &lt;Lovelace&gt;" in web.ask("/my/orders").text
    assert worker.stop() == 0
    assert worker.output().splitlines() == [
        "worker ready",
        "order 1: packing 2 Teapot for Ada <Lovelace>",
        "order 1: shipped",
        "worker stopped",
    ]


REFUSALS = {
    "sold out": ({"sku": "sieve", "customer": "Ada", "quantity": "1"}, 409, "only 0 of Tea sieve left"),
    "unknown product": ({"sku": "gin", "customer": "Ada", "quantity": "1"}, 404, "there is no product"),
    "no number": ({"sku": "mug", "customer": "Ada", "quantity": "many"}, 422, "quantity: Input should be a valid"),
    "too many": ({"sku": "mug", "customer": "Ada", "quantity": "101"}, 422, "quantity: Input should be less than"),
    "no name": ({"sku": "mug", "customer": "", "quantity": "1"}, 422, "customer: Field required"),
}


def test_an_order_that_cannot_be_placed_is_refused_with_its_reason(web, orders):
    for form, status, reason in REFUSALS.values():
        answer = web.ask("/my/orders", form=form)
        assert answer.status == status
        assert reason in answer.text
    assert orders.ask("/orders").text == "[]"
    assert web.ask("/my/orders/7").status == 404


def test_pages_say_so_when_a_service_behind_them_is_away(web, orders, catalog):
    """503 with a reason, and the web service itself stays healthy: its neighbours have checks of their own."""
    catalog.stop()
    catalog.listener.close()
    assert web.ask("/").status == 503
    ordered = web.ask("/my/orders", form={"sku": "mug", "customer": "Ada", "quantity": "1"})
    assert ordered.status == 503
    assert "the catalog cannot be reached" in ordered.text
    assert orders.ask("/healthz").status == 200
    assert web.ask("/healthz").status == 200


def test_goods_go_back_when_the_order_cannot_be_stored(env, orders, catalog):
    with sqlite3.connect(env["SHOP_DB"]) as database:
        database.execute("DROP TABLE orders")
    database.close()
    answer = orders.ask("/orders", body=json.dumps({"sku": "mug", "customer": "Ada", "quantity": 3}))
    assert answer.status == 503
    assert "the order could not be stored" in answer.text
    assert stock(catalog, "mug") == 200


@pytest.mark.parametrize("module", ["catalog", "orders"])
def test_health_really_asks_the_database(env, tmp_path, module):
    with serving_ready(f"shop.{module}:app", directory=SHOP, env=env) as server:
        assert server.ask("/healthz").status == 200
        (tmp_path / "shop.db").rename(tmp_path / "gone.db")
        answer = server.ask("/healthz")
        assert answer.status == 503
        assert "database: " in answer.text


def test_migrating_again_changes_nothing(env):
    assert run("shop.migrate", env) == (0, f"{env['SHOP_DB']}: nothing to migrate\n")


def test_a_worker_stopped_while_packing_leaves_the_order_queued(env, orders):
    orders.ask("/orders", body=json.dumps({"sku": "mug", "customer": "Ada", "quantity": 1}))
    worker = start("shop.worker", {**env, "SHOP_PACKING_SECONDS": "60"})
    try:
        worker.says("packing")
        assert worker.stop() == 0
    finally:
        worker.close()
    assert json.loads(orders.ask("/orders/1").text)["status"] == "queued"


def test_a_worker_without_a_database_says_how_to_make_one(tmp_path):
    code, output = run("shop.worker", {"PATH": os.environ["PATH"], "SHOP_DB": str(tmp_path / "none.db")})
    assert code == 1
    assert output.endswith("unable to open database file (python -m shop.migrate makes it)\n")


def test_a_relative_database_counts_from_the_folder_of_the_shop(tmp_path):
    env = {"PATH": os.environ["PATH"], "SHOP_DB": "var/somewhere.db", "PYTHONPATH": str(SHOP)}
    source = "from shop.database import database_path; print(database_path())"
    child = Child([sys.executable, "-c", source], env=env, directory=tmp_path)
    try:
        assert child.wait() == 0
        assert child.output() == f"{SHOP}/var/somewhere.db\n"
    finally:
        child.close()
