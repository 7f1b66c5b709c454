"""Several OpenAPI descriptions as one: what is renamed, what stays one, and that every reference leads somewhere."""

from __future__ import annotations

import copy
import json

import pytest
from openapi_spec_validator import validate

from launcher.host.openapi_merge import Described, fault_of, merge
from launcher.host.openapi_refs import names, references
from tests.host.clashing import clashing_app

SAME = {"type": "object", "properties": {"detail": {"type": "string"}}}


def document(**more):
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}} | more


def schemas(**tables):
    return document(components={"schemas": tables})


def together(*documents, prefixes=("/a", "/b", "/c"), **how):
    described = [Described(prefix.strip("/"), prefix, one) for prefix, one in zip(prefixes, documents, strict=False)]
    return merge(described, title="shop", skipped={}, **how)


def ref(name, section="schemas"):
    return {"$ref": f"#/components/{section}/{name}"}


def operation(**more):
    return {"responses": {"200": {"description": "fine"}}} | more


def test_paths_get_their_prefix():
    one = document(paths={"/": {"get": operation()}, "/x": {"get": operation()}})
    assert list(together(one, one)["paths"]) == ["/a/", "/a/x", "/b/", "/b/x"]


def test_a_component_at_the_root_keeps_its_paths():
    one = document(paths={"/x": {"get": operation()}})
    assert list(together(one, one, prefixes=("", "/b"))["paths"]) == ["/x", "/b/x"]


def test_the_servers_of_each_are_those_of_the_port():
    """What FastAPI writes for its root_path is the prefix, which stands in the paths now."""
    one = document(servers=[{"url": "/a"}])
    assert "servers" not in together(one)
    assert together(one, base="/outer")["servers"] == [{"url": "/outer"}]


def test_what_two_use_for_different_things_is_renamed_in_both():
    merged = together(schemas(Item={"type": "string"}), schemas(Item={"type": "integer"}))
    assert merged["components"]["schemas"] == {"a_Item": {"type": "string"}, "b_Item": {"type": "integer"}}


def test_what_is_the_same_stays_one():
    assert together(schemas(Error=SAME), schemas(Error=SAME))["components"]["schemas"] == {"Error": SAME}


def test_what_only_looks_the_same_is_renamed_too():
    """It refers to a thing that is another one in each, over however many steps."""
    chain = {"Order": {"items": ref("Line")}, "Line": {"items": ref("Item")}, "Error": SAME}
    merged = together(schemas(**chain, Item={"type": "string"}), schemas(**chain, Item={"type": "integer"}))
    assert merged["components"]["schemas"] == {
        "a_Order": {"items": ref("a_Line")}, "b_Order": {"items": ref("b_Line")},
        "a_Line": {"items": ref("a_Item")}, "b_Line": {"items": ref("b_Item")},
        "a_Item": {"type": "string"}, "b_Item": {"type": "integer"}, "Error": SAME,
    }  # fmt: skip


def test_a_schema_that_refers_to_itself():
    tree = {"Node": {"properties": {"next": ref("Node")}}}
    assert list(together(schemas(**tree), schemas(**tree))["components"]["schemas"]) == ["Node"]


def test_a_new_name_is_nobody_elses():
    merged = together(schemas(X={"type": "string"}, a_X=SAME), schemas(X={"type": "integer"}))
    assert set(merged["components"]["schemas"]) == {"a_X_2", "a_X", "b_X"}


#: A part of an operation, and what it is when `Item`, `key` and `find` of component a have other names.
REWRITTEN = {
    "a reference": (ref("Item"), ref("a_Item")),
    "one deep inside": (ref("Item/properties/x"), ref("a_Item/properties/x")),
    "one to another section": (ref("Item", "responses"), ref("Item", "responses")),
    "one out of the document": ({"$ref": "other.json#/Item"}, {"$ref": "other.json#/Item"}),
    "one to a path": ({"$ref": "#/paths/~1x/get"}, {"$ref": "#/paths/~1a~1x/get"}),
    "in a list": ({"oneOf": [ref("Item"), ref("Other")]}, {"oneOf": [ref("a_Item"), ref("Other")]}),
    "a discriminator": (
        {"discriminator": {"propertyName": "k", "mapping": {"i": "#/components/schemas/Item", "j": "Item"}}},
        {"discriminator": {"propertyName": "k", "mapping": {"i": "#/components/schemas/a_Item", "j": "a_Item"}}},
    ),
    "an example is data": ({"example": ref("Item")}, {"example": ref("Item")}),
    "a default is data": ({"default": ref("Item")}, {"default": ref("Item")}),
    "examples of a schema are data": ({"examples": [ref("Item")]}, {"examples": [ref("Item")]}),
    "named examples hold data": (
        {"examples": {"e": {"value": ref("Item")}, "f": ref("Item")}},
        {"examples": {"e": {"value": ref("Item")}, "f": ref("a_Item")}},
    ),
    "a property called example is a schema": (
        {"properties": {"example": ref("Item")}}, {"properties": {"example": ref("a_Item")}},
    ),
    "a property called $ref": ({"properties": {"$ref": ref("Item")}}, {"properties": {"$ref": ref("a_Item")}}),
    "an extension is data": ({"x-thing": ref("Item")}, {"x-thing": ref("Item")}),
    "security": ({"security": [{"key": ["s"]}]}, {"security": [{"a_key": ["s"]}]}),
    "a link": ({"links": {"l": {"operationId": "find"}}}, {"links": {"l": {"operationId": "a_find"}}}),
}  # fmt: skip


@pytest.mark.parametrize(("part", "rewritten"), REWRITTEN.values(), ids=REWRITTEN)
def test_whatever_refers_to_a_name_follows_it(part, rewritten):
    def described(kind):
        components = {"schemas": {"Item": {"type": kind}}, "securitySchemes": {"key": {"type": "http", "scheme": kind}}}
        return document(paths={"/x": {"get": operation(operationId="find")}}, components=components)

    one = described("string")
    one["paths"]["/y"] = {"get": operation(**copy.deepcopy(part))}
    found = together(one, described("integer"))["paths"]["/a/y"]["get"]
    assert found == operation(**rewritten) | {"tags": ["a"]}


def test_descriptions_are_left_as_they_were():
    """FastAPI hands out the very object that it keeps."""
    one = document(paths={"/x": {"get": operation()}}, security=[{"key": []}])
    before = copy.deepcopy(one)
    together(one, one)
    assert one == before


def test_operations_without_a_tag_have_their_components():
    info = {"title": "t", "version": "1", "description": "All about a."}
    merged = together(document(info=info, paths={"/x": {"get": operation(), "put": operation(tags=["writing"])}}))
    assert [merged["paths"]["/a/x"][method]["tags"] for method in ("get", "put")] == [["a"], ["writing"]]
    assert merged["tags"] == [{"name": "a", "description": "All about a."}]


def test_a_tag_of_two_components_becomes_two():
    one = document(paths={"/x": {"get": operation(tags=["items"])}}, tags=[{"name": "items", "description": "d"}])
    merged = together(one, one)
    assert merged["tags"] == [{"name": "a_items", "description": "d"}, {"name": "b_items", "description": "d"}]
    assert merged["paths"]["/b/x"]["get"]["tags"] == ["b_items"]


def test_operation_ids_are_nobody_elses():
    one = document(paths={"/x": {"get": operation(operationId="x"), "put": operation(operationId="y")}})
    other = document(paths={"/x": {"get": operation(operationId="x")}})
    merged = together(one, other)
    assert [operation["operationId"] for item in merged["paths"].values() for operation in item.values()] == [
        "a_x", "y", "b_x",
    ]  # fmt: skip


def test_security_of_all_operations_is_said_at_each():
    one = document(paths={"/x": {"get": operation(), "put": operation(security=[])}}, security=[{"key": []}])
    found = together(one)
    assert "security" not in found
    assert [found["paths"]["/a/x"][method]["security"] for method in ("get", "put")] == [[{"key": []}], []]


@pytest.mark.parametrize(
    ("address", "placed"),
    [
        ("token", "/a/token"),
        ("./token", "/a/token"),
        ("/token", "/a/token"),
        ("/a/token", "/a/token"),
        ("https://login.example/token", "https://login.example/token"),
    ],
)
def test_an_address_of_a_log_in_leads_to_its_component(address, placed):
    scheme = {"type": "oauth2", "flows": {"password": {"tokenUrl": address, "scopes": {}}}}
    merged = together(document(components={"securitySchemes": {"o": scheme}}))
    assert merged["components"]["securitySchemes"]["o"]["flows"]["password"]["tokenUrl"] == placed


def test_the_newest_version_is_that_of_all():
    versions = ("3.0.3", "3.1.0", "3.0.10")
    assert together(*(document(openapi=version) for version in versions))["openapi"] == "3.1.0"
    assert together(document(openapi="3.0.9"), document(openapi="3.0.10"))["openapi"] == "3.0.10"


def test_webhooks_of_one_name_become_two():
    one = document(webhooks={"paid": {"post": operation()}})
    assert list(together(one, one)["webhooks"]) == ["a_paid", "b_paid"]


def test_those_without_a_description_are_named_with_the_reason():
    merged = merge([Described("a", "/a", document())], title="shop", skipped={"old": "it has no description"})
    assert merged["info"]["description"] == "a at /a: t 1\n\nold is not described here: it has no description"


def test_nothing_at_all_is_a_description_too():
    validate(merge([], title="shop", skipped={}))


@pytest.mark.parametrize(
    ("answered", "fault"),
    [
        ([], "what it answers is no description"),
        ({"swagger": "2.0"}, "it describes itself in Swagger 2.0, which is older than OpenAPI 3"),
        ({"openapi": "4.0"}, "what it answers is no OpenAPI 3 description"),
        ({"openapi": "3.1.0", "paths": []}, "what it answers is no OpenAPI 3 description"),
        ({"openapi": "3.0.0"}, ""),
    ],
)
def test_what_cannot_be_merged_says_why(answered, fault):
    assert fault_of(answered) == fault


def test_real_descriptions_together_are_valid():
    """By the validator of the specification's own schemas, which follows every reference."""
    merged = merge(
        [Described(kind.__name__, f"/{kind.__name__}", clashing_app(kind).openapi()) for kind in (int, str)],
        title="shop", skipped={},
    )  # fmt: skip
    validate(merged)
    known = {key for key, _ in names(merged)}
    assert {key for key in references(merged) if key[0] == "schemas"} <= known
    assert set(merged["components"]["schemas"]) == {
        "int_Item", "str_Item", "int_Order", "str_Order", "HTTPValidationError", "ValidationError",
    }  # fmt: skip
    assert set(merged["components"]["securitySchemes"]) == {
        "int_OAuth2PasswordBearer", "str_OAuth2PasswordBearer", "APIKeyHeader",
    }  # fmt: skip
    text = json.dumps(merged["paths"]["/str/orders"])
    assert "int_" not in text
    assert {"str_Order", "str_OAuth2PasswordBearer"} <= {name for _, name in references(json.loads(text))}
