"""Calls between the shop's services: JSON over HTTP.

On `http.client`, which Starlette has imported anyway; httpx would add 0.2 s to every start.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

#: Seconds that another service may take: it is next door, and somebody is waiting.
PATIENCE = 5.0


class Unreachable(Exception):
    """A service gave no answer, or none that can be read."""


class Refused(Exception):
    """A service answered, and the answer is no."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def call(method: str, url: str, body: object = None) -> Any:
    """Make one request; returns the answer's JSON, raises Refused for a 4xx and Unreachable for everything else."""
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc, timeout=PATIENCE)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, place.path, payload, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read() or "null")
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if response.status < HTTPStatus.BAD_REQUEST:
        return answer
    reason = read_reason(answer) or response.reason
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Refused(response.status, reason)
    raise Unreachable(f"{url}: {response.status} {reason}")


def read_reason(answer: Any) -> str:
    """Take the sentence out of FastAPI's answer to a request it refuses; a list tells what is wrong with each field."""
    detail = answer.get("detail", "") if isinstance(answer, dict) else ""
    if isinstance(detail, list):
        return "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in detail)
    return str(detail)
