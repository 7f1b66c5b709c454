"""Asks the machine, once, what `mode = "auto"` chooses by: processors, memory, and which apps do not go together.

Processors and memory are those that this process may use: control groups (of a container, say) count.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from launcher.cli.sharing import unshareable_of
from launcher.plan.auto import Machine
from launcher.profile.model import Profile

_GROUPS = Path("/sys/fs/cgroup")


def machine_for(profile: Profile, environ: Mapping[str, str]) -> Machine:
    """What there is to know for the services of a profile."""

    def clashes(services: Sequence[str]) -> dict[str, str]:
        env = {**environ, **profile.env}
        found = unshareable_of(profile.services, root=profile.root, env=env, names=services)
        # Of several reasons the first is enough.
        return {problem.component: problem.reason for problem in reversed(found)}

    return Machine(processors=_processors(), memory=_memory(), clashes=clashes)


def _processors() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in (text.split() for text in _limits("cpu.max")):
        if quota.isdigit():
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


def _memory() -> int:
    with suppress(ValueError, OSError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return min([total, *(int(text) for text in _limits("memory.max") if text.isdigit())])
    return 0


def _limits(name: str) -> Iterator[str]:
    """What this process's control group, and those around it, say in the file of this name."""
    with suppress(OSError):
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").rpartition("0::/")[2].strip()
        for folder in (_GROUPS / own, *(_GROUPS / own).parents):
            with suppress(OSError):
                yield (folder / name).read_text(encoding="ascii").strip()
