"""Real applications as they are served here, and what each is asked: a page, a static file, and what it is made for."""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from tests.serving import TIMEOUT

FOLDER = Path(__file__).parent / "served"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ANNA = {"Authorization": "Basic YW5uYTphbm5h"}
#: A cookie and a form that Django takes for those it has handed out.
TOKEN = "a" * 32
UPLOAD = (
    '--edge\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n'
    '--edge\r\nContent-Disposition: form-data; name="content"; filename="plum-1.0.tar.gz"\r\n\r\n'
    "another\r\n--edge--\r\n"
)
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTAMP:20260101T000000Z\r\n"
    "DTSTART:20260101T100000Z\r\nSUMMARY:Pears\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Request(NamedTuple):
    """What is asked, and what the answer has to be, whoever serves it: its status, and a part of its text."""

    path: str
    status: int = 200
    holds: str = ""
    method: str = "GET"
    body: str = ""
    headers: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    """What has come: the part of it that is the application's alone."""

    status: int
    headers: dict[str, str]
    text: str

    def without(self, prefix: str) -> Answer:
        """Take a prefix away wherever it stands, descriptions of an API included."""
        headers = {name: value.replace(prefix, "") for name, value in self.headers.items()}
        text = self.text.replace(f'"basePath": "{prefix}"', '"basePath": "/"')
        text = text.replace(f',"servers":[{{"url":"{prefix}"}}]', "")
        return Answer(self.status, headers, text.replace(prefix, ""))


class Served(NamedTuple):
    """An application, the package it is in, and what it is asked, in this order."""

    target: str
    package: str
    requests: tuple[Request, ...]

    def must_be_installed(self) -> None:
        """Skip the test, where it is not."""
        if find_spec(self.package) is None:
            pytest.skip(f"{self.package} is not installed")


SITE = (
    Request("/notes", 200, '{"notes": ["pears"], "at": "/notes"}', "POST", '{"text": "pears"}', JSON),
    Request("/notes", 200, '["pears"]'),
    Request("/zone", 200, "America/Chicago"),
    Request("/admin/", 302),
    Request("/admin/login/?next=/admin/", 200, '<link rel="stylesheet" href="/static/admin/css/base.css">'),
    Request("/admin/login/", 200, "This field is required", "POST", f"csrfmiddlewaretoken={TOKEN}", FORM),
    Request("/admin/login/", 403, "CSRF", "POST", "", FORM),
    Request("/static/admin/css/base.css", 200, "--primary"),
    Request("/absent", 404, "Page not found"),
)

APPS = {
    "datasette": Served(
        "datasette_app:create()",
        "datasette",
        (
            Request("/", 200, 'href="/shop"'),
            Request("/shop/items", 200, "plum"),
            Request("/shop/items.json?_shape=array", 200, '[{"id": 1, "name": "pear"}, {"id": 2, "name": "plum"}]'),
            Request("/shop.json?sql=select+1%2B1+as+two&_shape=array", 200, '[{"two": 2}]'),
            Request("/-/static/app.css", 200, "body {"),
            Request("/absent", 404),
        ),
    ),
    "httpbin": Served(
        "httpbin:app",
        "httpbin",
        (
            Request("/", 200, "httpbin.org"),
            Request("/get?fruit=pear", 200, '"fruit": "pear"'),
            Request("/post", 200, '"fruit": "pear"', "POST", "fruit=pear", FORM),
            Request("/put", 200, '"json": {', "PUT", '{"fruit": "pear"}', JSON),
            Request("/status/418", 418, "teapot"),
            Request("/redirect-to?url=/get", 302),
            Request("/stream/3", 200, '"id": 2'),
            Request("/static/favicon.ico"),
        ),
    ),
    "radicale": Served(
        "radicale:application",
        "radicale",
        (
            Request("/", 302),
            Request("/.web/", 200, "Radicale"),
            Request("/.web/css/main.css", 200, "{"),
            Request("/anna/pears/", 201, "", "MKCALENDAR", headers=ANNA),
            Request("/anna/pears/one.ics", 201, "", "PUT", EVENT, {"Content-Type": "text/calendar", **ANNA}),
            Request("/anna/pears/", 207, "/anna/pears/one.ics", "PROPFIND", "", {"Depth": "1", **ANNA}),
            Request("/anna/pears/one.ics", 200, "SUMMARY:Pears", headers=ANNA),
            Request("/anna/pears/one.ics", 200, "", "DELETE", headers=ANNA),
            Request("/anna/pears/one.ics", 404, headers=ANNA),
        ),
    ),
    "pypiserver": Served(
        "pypiserver_app:create()",
        "pypiserver",
        (
            Request("/", 200, "pypiserver"),
            Request("/simple/", 200, '<a href="pear/">'),
            Request("/", 200, "", "POST", UPLOAD, {"Content-Type": "multipart/form-data; boundary=edge"}),
            Request("/simple/plum/", 200, 'href="/packages/plum-1.0.tar.gz'),
            Request("/packages/plum-1.0.tar.gz", 200, "another"),
            Request("/packages/", 200, "pear-1.0.tar.gz"),
            Request("/simple/absent/", 404),
        ),
    ),
    "wsgidav": Served(
        "wsgidav_app:create()",
        "wsgidav",
        (
            Request("/", 200, 'href="./fruit/"'),
            Request("/:dir_browser/style.css", 200, "body"),
            Request("/fruit/plum.txt", 201, "", "PUT", "blue"),
            Request("/fruit/", 207, "/fruit/plum.txt", "PROPFIND", "", {"Depth": "1"}),
            Request("/fruit/plum.txt", 200, "blue"),
            Request("/fruit/", 200, "", "OPTIONS"),
            Request("/more/", 201, "", "MKCOL"),
            Request("/fruit/plum.txt", 201, "", "MOVE", "", {"Destination": "/more/plum.txt"}),
            Request("/fruit/plum.txt", 404),
        ),
    ),
    "restx": Served(
        "restx_app:app",
        "flask_restx",
        (
            Request("/doc/", 200, "swagger-ui-bundle.js"),
            Request("/swagger.json", 200, '"basePath": "/"'),
            Request("/swaggerui/swagger-ui.css", 200, ".swagger-ui"),
            Request("/items/pear", 200, '"uri": "/items/pear"'),
            Request("/items", 201, "plum", "POST", '{"name": "plum"}', JSON),
            Request("/items", 400, "required property", "POST", "{}", JSON),
        ),
    ),
    "django-asgi": Served("django_site.asgi:application", "django", SITE),
    "django-wsgi": Served("django_site.wsgi:application", "django", SITE),
    "quart": Served(
        "quart_app:app",
        "quart",
        (
            Request("/", 200, 'href="/static/style.css"'),
            Request("/static/style.css", 200, "teal"),
            Request("/hello/pear", 200, '"state":"began"'),
            Request("/zone", 200, "offset"),
            Request("/items", 201, "plum", "POST", '{"name": "plum"}', JSON),
            Request("/stream", 200, "0\n1\n2\n"),
            Request("/absent", 404),
        ),
    ),
    "litestar": Served(
        "litestar_app:app",
        "litestar",
        (
            Request("/items/pear", 200, "/items/pear"),
            Request("/items", 201, '{"name":"plum","price":3}', "POST", '{"name": "plum", "price": 3}', JSON),
            Request("/items", 400, "required", "POST", "{}", JSON),
            Request("/static/style.css", 200, "teal"),
            Request("/schema/openapi.json", 200, '"/items"'),
            Request("/schema", 200, "<html"),
        ),
    ),
    "fastapi": Served(
        "fastapi_app:app",
        "fastapi",
        (
            Request("/items/pear", 200, '"at":"/items/pear"'),
            Request("/state", 200, "began"),
            Request("/items", 201, '{"name":"plum","price":3}', "POST", '{"name": "plum", "price": 3}', JSON),
            Request("/items", 422, "Field required", "POST", "{}", JSON),
            Request("/static/style.css", 200, "teal"),
            Request("/docs", 200, "url: '/openapi.json'"),
            Request("/openapi.json", 200, '"/items/{name}"'),
        ),
    ),
}


def installed() -> dict[str, Served]:
    """Those that are."""
    return {name: served for name, served in APPS.items() if find_spec(served.package) is not None}


def variables(data: Path) -> dict[str, str]:
    """What all of them are given; each keeps its data in this folder."""
    data.mkdir(exist_ok=True)
    config = data / "radicale.conf"
    config.write_text(f"[auth]\ntype = none\n[storage]\nfilesystem_folder = {data / 'calendars'}\n")
    inherited = {name: os.environ[name] for name in ("TZ",) if name in os.environ}
    return {**inherited, "DATA": str(data), "RADICALE_CONFIG": str(config), "PYTHONDONTWRITEBYTECODE": "1"}


#: Of the headers, those that an application writes and that say the same each time.
TOLD = ("content-type", "location", "allow", "dav", "content-encoding", "www-authenticate", "vary")
#: What is another one each time: when, at which port, in which folder; tokens.
VARYING = (
    (r"127\.0\.0\.1:\d+", "HERE"),
    (r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT", "THEN"),
    (r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+\d\d:\d\d)?", "THEN"),
    (r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN"),
    (r"bytes>\d+</", "BYTES"),
    (r"Queries took [\d.]+ms", "TOOK"),
    (r"<(\w+:)?(getetag|sync-token|getctag|lockid)[^>]*>[^<]*<", "TAG"),
)


def ask(port: int, request: Request, data: Path, *, prefix: str = "") -> Answer:
    """Ask one thing; what varies from run to run is taken out of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    headers = {"Cookie": f"csrftoken={TOKEN}", **request.headers}
    if "Destination" in headers:
        headers["Destination"] = f"http://127.0.0.1:{port}{prefix}{headers['Destination']}"
    try:
        connection.request(request.method, prefix + request.path, request.body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace").replace(str(data), "DATA")
        told = {name: value for name in TOLD if (value := answer.getheader(name)) is not None}
    finally:
        connection.close()
    if "xml" in told.get("content-type", ""):
        # What namespaces are abbreviated to is one table for a process: Radicale makes DAV: the default in it.
        text = ET.canonicalize(text, rewrite_prefixes=True)
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
        told = {name: re.sub(pattern, instead, value) for name, value in told.items()}
    return Answer(answer.status, told, text)
