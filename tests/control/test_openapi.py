"""The document and the page are made from the table, and are what they say they are."""

from __future__ import annotations

import re
from pathlib import Path

from launcher.control.api import Api
from launcher.control.endpoints import ENDPOINTS
from launcher.control.openapi import document, markdown

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page_is_the_table():
    """`python -c "from launcher.control.openapi import markdown; print(markdown(), end='')" > docs/api.md`."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_every_endpoint_is_answered():
    assert all(callable(getattr(Api, endpoint.name)) for endpoint in ENDPOINTS)
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)


def references(value):
    """Every $ref in the document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_is_openapi():
    """References lead somewhere, parameters of paths are declared, operations have names of their own."""
    made = document()
    assert re.fullmatch(r"3\.1\.\d", made["openapi"])
    schemas = made["components"]["schemas"]
    for reference in references(made):
        assert reference.removeprefix("#/components/schemas/") in schemas
    seen = set()
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            assert method in {"get", "post"}
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")
            assert "200" in operation["responses"]
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"\d{3}", status)
                assert response["description"]
                assert all(content["schema"] for content in response["content"].values())
    assert {name for name in schemas if "Snapshot" in name}
