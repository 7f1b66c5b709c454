"""Which process an `app` is placed in: one of its own, one that it shares with a group of others, or a fork of theirs.

`placement` goes before the mode. Pure; knows the two keys.
"""

from __future__ import annotations

import re

from launcher.profile.model import Mode, Service

#: The group of those that name none.
DEFAULT = "apps"
#: The group of those forked that name none.
DEFAULT_FORKED = "forked"
#: What `placement` may say; a group's name begins with a letter, so that `host.GROUP` is no instance of a service.
PLACEMENT = re.compile(r"auto|own|(?:merged|forked)(?::[A-Za-z][A-Za-z0-9_-]*)?")


def group_of(service: Service, mode: Mode) -> str:
    """The group in whose process a service runs; empty: it has a process of its own."""
    if service.app is None:
        return ""
    how, _, group = service.placement.partition(":")
    if how == "merged" or (how == "auto" and mode is Mode.SINGLE):
        return group or DEFAULT
    return ""


def forked_group_of(service: Service, mode: Mode) -> str:
    """The group from whose process a service is forked; empty: it is not."""
    if service.app is None:
        return ""
    how, _, group = service.placement.partition(":")
    if how == "forked" or (how == "auto" and mode is Mode.FORKED):
        return group or DEFAULT_FORKED
    return ""
