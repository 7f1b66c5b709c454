"""The OpenAPI document and docs/api.md, made from the table of endpoints and the types that they answer with."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from launcher import __version__
from launcher.control import wire
from launcher.control.endpoints import ENDPOINTS, JSON, Endpoint, Parameter
from launcher.errors import CATALOGUE

_REFERENCE = "#/components/schemas/{name}"
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: What any endpoint may answer, and what that means.
_ALWAYS = {400: "What is asked for is not understood.", 401: "The token is missing.", 403: "It comes from elsewhere."}
_SOMETIMES = {
    404: "No such service.",
    409: "The state asked for cannot be reached.",
    503: "Not all is well.",
    504: "Not within `wait`.",
}


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    types = [endpoint.answer for endpoint in ENDPOINTS if endpoint.answer not in (None, dict)]
    schemas, components = msgspec.json.schema_components([*types, wire.Problem], ref_template=_REFERENCE)
    answers = dict(zip([id(each) for each in types], schemas, strict=False))
    problem = schemas[-1]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        schema = answers.get(id(endpoint.answer), {"type": "object"} if endpoint.answer is dict else {"type": "string"})
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema, problem)
    return {
        "openapi": "3.1.0",
        "info": {"title": "launcher", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def markdown() -> str:
    """docs/api.md."""
    lines = [_HEAD]
    for endpoint in ENDPOINTS:
        lines += [f"### {endpoint.method} {endpoint.path}", "", endpoint.says, ""]
        if endpoint.more:
            lines += [endpoint.more, ""]
        if endpoint.takes:
            lines += ["| parameter | type | meaning |", "|---|---|---|"]
            lines += [f"| `{one.name}` | {_type(one)} | {one.says} |" for one in endpoint.takes]
            lines.append("")
        also = "".join(f", {status}" for status in _statuses(endpoint))
        lines += [f"Answers 200 with {_answer(endpoint)}{also}.", ""]
    lines += ["## Problems", "", _PROBLEMS, "", "| code | HTTP | meaning |", "|---|---|---|"]
    for code, kind in sorted(CATALOGUE.items()):
        if code // 1000 in (2, 3, 4, 5, 9):
            lines.append(f"| {code} | {wire.problem_of(kind('')).status} | {kind.title} |")
    return "\n".join(lines) + "\n"


def _operation(endpoint: Endpoint, schema: Any, problem: Any) -> dict[str, Any]:
    responses = {
        str(status): {"description": text, "content": {wire.PROBLEM: {"schema": problem}}}
        for status, text in {**_ALWAYS, **{each: _SOMETIMES[each] for each in _statuses(endpoint)}}.items()
    }
    if endpoint.name == "health":
        responses["503"] = {"description": _SOMETIMES[503], "content": {JSON: {"schema": schema}}}
    content = {endpoint.media: {"schema": schema}}
    if endpoint.answer is wire.CommandAnswer:
        content[wire.EVENT_STREAM] = {"schema": {"type": "string"}}
    return {
        "operationId": endpoint.name,
        "summary": endpoint.says,
        **({"description": endpoint.more} if endpoint.more else {}),
        "parameters": [_parameter(one) for one in endpoint.takes],
        "responses": {"200": {"description": "It is so.", "content": content}, **responses},
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _KINDS[one.kind]}
    if one.choices:
        schema["enum"] = list(one.choices)
    if one.many:
        schema = {"type": "array", "items": schema}
    place = "path" if one.in_path else "query"
    return {"name": one.name, "in": place, "required": one.in_path, "description": one.says, "schema": schema}


def _statuses(endpoint: Endpoint) -> tuple[int, ...]:
    asks = any(one.name in ("name", "service") for one in endpoint.takes)
    return tuple(sorted({*((404,) if asks else ()), *endpoint.also}))


def _type(one: Parameter) -> str:
    kind = {str: "text", int: "number", float: "seconds", bool: "true or false"}[one.kind]
    return f"{kind}, repeated" if one.many else f"{kind}, in the path" if one.in_path else kind


def _answer(endpoint: Endpoint) -> str:
    if endpoint.answer in (None, dict):
        return "text" if endpoint.answer is None else "an object"
    if isinstance(endpoint.answer, type) and issubclass(endpoint.answer, Struct):
        return f"a `{endpoint.answer.__name__}`"
    return "server-sent events"


_HEAD = """\
# The API

<!-- Made from launcher/control/endpoints.py; a test holds the two together. -->

A running launcher answers HTTP on the Unix socket `.launcher/NAME/control.sock`, which is its owner's alone:

    curl --unix-socket .launcher/dev/control.sock http://launcher/status

Over TCP it does where the profile says so:

```toml
[launcher.api]
listen = "127.0.0.1:9999"
token = "${API_TOKEN}"       # needed when others than this machine can reach it
```

Over TCP the `Host` must be the API's own (or stand in `hosts`), a page of another origin is refused, and with a
`token` each request needs `Authorization: Bearer TOKEN`. There is no CORS. `launcher --host http://127.0.0.1:9999
status` asks from afar; the token comes from `--token` or `$LAUNCHER_TOKEN`.

In Python, with the types of the answers:

```python
from launcher.control.client import Client

for sent in Client("dev").events():
    print(sent)
```

The schemas of all answers are in `GET /openapi.json`. Times are seconds since 1970; a command's `wait` and `since` take
seconds or "10m". The server is loaded with the first request; a connection that has nothing to be answered is closed
after 10 s, and there are at most 512.

## Endpoints
"""

_PROBLEMS = """\
A refusal is a problem after RFC 9457, `application/problem+json`, with the launcher's own `code`, the `remedy`, and
`exit_status`, with which a terminal command would end."""
