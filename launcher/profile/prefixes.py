"""Prefixes, as people write them: `/api`, `/shop/v2/`. Pure."""

from __future__ import annotations

import re

_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f?#%{}<>\\]")


def normal_prefix(prefix: str) -> str:
    """The one form of a prefix: without a slash at its end; the root is empty."""
    return prefix.rstrip("/")


def fault_of_prefix(prefix: str) -> str:
    """Why no request could be meant for this prefix, as the end of a sentence; empty where nothing is wrong."""
    if not prefix.startswith("/"):
        return f'"{prefix}" does not begin with a slash'
    if found := _NOT_IN_A_PATH.search(prefix):
        what = f'"{found[0]}"' if found[0].isprintable() and found[0] != " " else "a blank or control character"
        return f'"{prefix}" has {what} in it, which no path has as it is'
    segments = normal_prefix(prefix).split("/")[1:]
    if "" in segments:
        return f'"{prefix}" has two slashes in a row'
    if "." in segments or ".." in segments:
        return f'"{prefix}" has a segment of dots, which browsers resolve before they ask'
    return ""
