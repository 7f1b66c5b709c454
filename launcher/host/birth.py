"""What a child of the zygote does with itself, so that it is what a process started for its one app alone would be.

A session of its own; its pipe as standard output and error; its socket at descriptor 3 with LISTEN_*; its environment,
directory, limits and user; the command line that `ps` shows. Its random numbers are no other child's: `random` sees to
that by itself, numpy is told; `os.urandom`, with `secrets` and `uuid4`, asks the kernel, and ssl notices a fork.
Knows the process; nothing of channels, and nothing of what is served.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .command import FIRST_DESCRIPTOR
from .shown import show

#: Named by engines/descent: by it the launcher knows its processes.
MARK = "LAUNCHER_MARK"


class Order(NamedTuple):
    """What a child is to be: an app's process in `directory`, run as `identity` (uid, gid, groups) if that is said.

    It begins when a byte comes through `gate`; if that is closed instead, nobody will know of it and it ends.
    """

    name: str
    generation: int
    target: str
    paths: tuple[str, ...]
    drain: float
    directory: str
    #: By the names of the resource module.
    limits: Mapping[str, int]
    identity: tuple[int, int, Sequence[int]] | None
    environment: Mapping[str, str]
    pipe: int
    gate: int
    sockets: tuple[int, ...]
    #: Where the app is mounted, and whether it gets its paths without that.
    prefix: str
    strip_prefix: bool

    @classmethod
    def of(cls, head: Mapping[str, Any], payload: bytes, descriptors: Sequence[int]) -> Order:
        """Read what the channel brought."""
        pipe, gate, *sockets = descriptors
        return cls(
            name=head["name"],
            generation=head["generation"],
            target=head["target"],
            paths=tuple(head["paths"]),
            drain=head["drain"],
            directory=head["directory"],
            limits=head["limits"],
            identity=head["identity"],
            environment=json.loads(payload),
            pipe=pipe,
            gate=gate,
            sockets=tuple(sockets),
            prefix=head["prefix"],
            strip_prefix=head["strip_prefix"],
        )

    def close(self) -> None:
        """Close the descriptors that came with it."""
        for descriptor in (self.pipe, self.gate, *self.sockets):
            os.close(descriptor)


def reserve_descriptors() -> None:
    """Keep what is imported from taking the number at which a child finds its socket."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != FIRST_DESCRIPTOR:
        os.dup2(nowhere, FIRST_DESCRIPTOR, inheritable=False)
        os.close(nowhere)


def come_into_being(order: Order) -> None:
    """Become what is ordered, up to the point where it begins; raises OSError, ValueError where the system refuses."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.chdir(order.directory)
    _limit(order.limits)
    if order.identity is not None:
        user, group, groups = order.identity
        os.setgroups(groups)
        os.setgid(group)
        os.setuid(user)
    os.environ.clear()
    os.environ.update(order.environment)
    if order.sockets:
        os.environ["LISTEN_PID"] = str(os.getpid())
    if os.environ.get(MARK, "").endswith(":"):  # supervisord's: it names the process that others descend from
        os.environ[MARK] += str(os.getpid())
    time.tzset()
    interpreter = sys.orig_argv[: sys.orig_argv.index(sys.argv[0])]
    sys.argv[1:] = [order.target, "--directory", *order.paths[:1]]
    show([*interpreter, *sys.argv[:2]], os.environ, first=MARK)


def begin(order: Order) -> None:
    """Wait until somebody watches, then take over the descriptors and collect garbage again."""
    if not os.read(order.gate, 1):
        os._exit(0)
    os.dup2(order.pipe, 1)
    os.dup2(order.pipe, 2)
    for place, descriptor in enumerate(order.sockets, start=FIRST_DESCRIPTOR):
        os.dup2(descriptor, place)
    if not order.sockets:
        os.close(FIRST_DESCRIPTOR)
    order.close()
    gc.enable()
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def _limit(limits: Mapping[str, int]) -> None:
    if not limits:
        return
    import resource  # noqa: PLC0415  (few services have limits)

    for name, value in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (OSError, ValueError) as error:
            raise OSError(f"{name} cannot be set to {value}: {error}") from None
