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
    return _group(service, mode, placed="merged", by=Mode.SINGLE, default=DEFAULT)


def forked_group_of(service: Service, mode: Mode) -> str:
    """The group from whose process a service is forked; empty: it is not."""
    return _group(service, mode, placed="forked", by=Mode.FORKED, default=DEFAULT_FORKED)


def _group(service: Service, mode: Mode, *, placed: str, by: Mode, default: str) -> str:
    """The group of a service that its placement, or else the mode, places so; empty: neither does."""
    if service.app is None:
        return ""
    how, _, group = service.placement.partition(":")
    return group or default if how == placed or (how == "auto" and mode is by) else ""
