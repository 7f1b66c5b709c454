"""An OpenAPI description as one page: every operation, and a form to try it. Nothing comes from another machine.

Pure. The page is complete without scripts but for the form's button. All that comes out of a description is text to it:
escaped, never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from .openapi_refs import METHODS

Json = Any
#: What the page may do: be read, and ask the port that it came from.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h2 { margin: 2rem 0 .3rem; border-bottom: 1px solid #ccc } .text { white-space: pre-wrap; color: #555 }
details { margin: .3rem 0; padding: .3rem .6rem; background: #f5f6f8; border-radius: 4px } summary { cursor: pointer }
code, pre, textarea, input { font: 13px/1.4 ui-monospace, monospace } b.method { display: inline-block; width: 4.5rem }
.old { text-decoration: line-through } pre { overflow: auto; background: #fff; padding: .5rem; max-height: 30rem }
input, textarea { box-sizing: border-box; width: 100% } table { border-spacing: 0 } td { padding: 0 1rem 0 0 }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd } .text { color: #aaa }
  details { background: #22252b } pre, input, textarea { background: #111; color: #ddd } }
"""
_SCRIPT = """
for (const form of document.forms) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const method = form.dataset.method, out = form.querySelector("pre"), headers = {};
  for (const line of form.headers.value.split("\\n")) {
    const at = line.indexOf(":");
    if (at > 0) headers[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  const body = form.body && form.body.value ? form.body.value : undefined;
  try {
    const answer = await fetch(form.url.value, { method, headers, body });
    out.textContent = answer.status + " " + answer.statusText + "\\n\\n" + await answer.text();
  } catch (error) { out.textContent = String(error); }
});
"""


def page(document: Mapping[str, Json]) -> str:
    """Render a description as a page of HTML."""
    info = document["info"]
    base = next((str(server.get("url", "")) for server in document.get("servers", ())), "")
    about = {tag["name"]: str(tag.get("description", "")) for tag in document.get("tags", ())}
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in (method for method in METHODS if isinstance(item.get(method), dict)):
            operation = item[method]
            shown = _operation(document, base + path, method, operation, item.get("parameters", ()))
            groups.setdefault(str(operation.get("tags", ("",))[0]), []).append(shown)
    parts = [
        f"<h1>{escape(info['title'])}</h1><p class=text>{escape(info.get('description', ''))}</p>",
        f'<p>As data: <a href="{escape(base)}/openapi.json">openapi.json</a></p>',
    ]
    for name, shown_ones in groups.items():
        parts.append(f"<h2>{escape(name)}</h2><p class=text>{escape(about.get(name, ''))}</p>")
        parts += shown_ones
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}<script>{_SCRIPT}</script></body></html>"
    )


def _operation(document: Mapping[str, Json], path: str, method: str, operation: Json, shared: Json) -> str:
    old = " class=old" if operation.get("deprecated") else ""
    parameters = [_resolved(document, one) for one in (*shared, *operation.get("parameters", ()))]
    rows = "".join(map(_parameter, parameters))
    content = _resolved(document, operation.get("requestBody", {})).get("content", {})
    kind = next(iter(content), "")
    needs = " or ".join(" and ".join(one) or "nothing" for one in operation.get("security", ()))
    return (
        f"<details><summary><b class=method>{method.upper()}</b> <code{old}>{escape(path)}</code> "
        f"{escape(str(operation.get('summary', '')))}</summary>"
        f"<p class=text>{escape(str(operation.get('description', '')))}</p>"
        + (f"<p>Needs <code>{escape(needs)}</code></p>" if needs else "")
        + (f"<table>{rows}</table>" if rows else "")
        + "".join(_body(document, name, media) for name, media in content.items())
        + "".join(_answer(document, status, answer) for status, answer in operation.get("responses", {}).items())
        + _form(path, method, parameters, kind)
        + "</details>"
    )


def _parameter(one: Json) -> str:
    needed = ", required" if one.get("required") else ""
    return (
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}{needed}</td>"
        f"<td class=text>{escape(one.get('description', ''))}</td></tr>"
    )


def _form(path: str, method: str, parameters: list[Json], kind: str) -> str:
    query = "&".join(f"{one['name']}=" for one in parameters if one.get("in") == "query" and one.get("required"))
    headers = "\n".join([f"Content-Type: {kind}"] if kind else [])
    headers += "".join(f"\n{one['name']}: " for one in parameters if one.get("in") == "header" and one.get("required"))
    body = "<label>Body <textarea name=body rows=4></textarea></label>" if kind else ""
    url = escape(f"{path}?{query}" if query else path)
    return (
        f'<form data-method="{method.upper()}"><label>URL <input name=url value="{url}"></label>'
        f"<label>Headers <textarea name=headers rows=1>{escape(headers.lstrip())}</textarea></label>{body}"
        "<button>Send</button><pre></pre></form>"
    )


def _body(document: Mapping[str, Json], name: str, media: Json) -> str:
    return f"<p>Body, <code>{escape(name)}</code></p>{_schema(document, media)}"


def _answer(document: Mapping[str, Json], status: str, answer: Json) -> str:
    answer = _resolved(document, answer)
    shown = "".join(_schema(document, media) for media in answer.get("content", {}).values())
    return f"<p><code>{escape(status)}</code> {escape(str(answer.get('description', '')))}</p>{shown}"


def _schema(document: Mapping[str, Json], media: Json) -> str:
    schema = media.get("schema") if isinstance(media, dict) else None
    if not schema:
        return ""
    shown = ""
    for name, value in (("", schema), *_named(document, schema, set())):
        shown += f"<pre>{escape(f'{name} {json.dumps(value, indent=2, ensure_ascii=False)}'.lstrip())}</pre>"
    return shown


def _named(document: Mapping[str, Json], schema: Json, seen: set[str]) -> Iterator[tuple[str, Json]]:
    """All schemas that one refers to, however deep, each once."""
    if isinstance(schema, list):
        for each in schema:
            yield from _named(document, each, seen)
    elif isinstance(schema, dict):
        name = schema.get("$ref")
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            found = _resolved(document, schema)
            yield name.rpartition("/")[2], found
            yield from _named(document, found, seen)
        for value in schema.values():
            yield from _named(document, value, seen)


def _resolved(document: Mapping[str, Json], node: Json) -> Json:
    """What a reference within the document leads to; anything else as it is."""
    reference = node.get("$ref") if isinstance(node, dict) else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return node
    found: Json = document
    for part in reference[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
    return found
