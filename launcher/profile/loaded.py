"""A profile as it comes out of reading: the value, and what is known of how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:  # it decodes nothing, and a kept profile has no origins
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from launcher.errors import Caution
    from launcher.profile.machine import Facts, Wanted
    from launcher.profile.model import Profile
    from launcher.profile.origins import Origin, Path


class Loaded(Struct, frozen=True, kw_only=True):
    """A profile, where each of its values was written, what is odd about it, and what it was made of.

    `files` are those that were read, and those that would have been had they been there. `wanted` is what the machine
    was asked, `facts` what it answered.
    """

    profile: Profile
    origins: Mapping[Path, Origin]
    warnings: list[Caution]
    files: list[FilePath]
    wanted: Wanted
    facts: Facts
