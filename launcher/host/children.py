"""A child process that is given no environment gets that of the component which starts it.

The C library hands a child the process's own variables, and never looks at `os.environ`. So wherever Python leaves the
environment to the C library, the component's is put in. `subprocess` and `multiprocessing` meet in one function;
`os.spawn*` and the short forms of `os.exec*` in `os.execv`.
"""

from __future__ import annotations

import _posixsubprocess
import asyncio
import os
import subprocess
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from .patches import Replacement

if TYPE_CHECKING:
    from collections.abc import Callable

    #: The variables that a child started here inherits; None outside of any component: the process's own.
    Inherited = Callable[[], dict[bytes, bytes] | None]

#: Where `fork_exec` takes the environment, as a list of b"NAME=value".
ENVIRONMENT = 5


def replacements(inherited: Inherited) -> list[Replacement]:
    """What has to stand for children to inherit `inherited()`."""
    fork_exec, spawn, of_a_loop = (partial(wrap, inherited) for wrap in (_fork_exec, _spawn, _of_a_loop))
    return [
        Replacement(_posixsubprocess, "fork_exec", fork_exec, takes=((ENVIRONMENT, "env"),)),
        Replacement(subprocess, "_fork_exec", fork_exec, takes=((ENVIRONMENT, "env"),)),
        Replacement(os, "execv", partial(_execv, inherited), takes=((0, "path"), (1, "argv"))),
        Replacement(os, "system", partial(_system, inherited), takes=((0, "command"),)),
        Replacement(os, "posix_spawn", spawn),
        Replacement(os, "posix_spawnp", spawn),
        *(
            Replacement(module, name, of_a_loop)
            for module in (asyncio, asyncio.subprocess)
            for name in ("create_subprocess_exec", "create_subprocess_shell")
        ),
    ]


def _fork_exec(inherited: Inherited, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def replaced(*arguments: Any) -> Any:
        if arguments[ENVIRONMENT] is None and (variables := inherited()) is not None:
            listed = [name + b"=" + value for name, value in variables.items()]
            arguments = (*arguments[:ENVIRONMENT], listed, *arguments[ENVIRONMENT + 1 :])
        return original(*arguments)

    return replaced


def _execv(inherited: Inherited, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def replaced(path: Any, argv: Any, /) -> Any:
        variables = inherited()
        return original(path, argv) if variables is None else os.execve(path, argv, variables)  # noqa: S606  (as the component asked)

    return replaced


def _system(inherited: Inherited, original: Callable[..., int]) -> Callable[..., int]:
    @wraps(original)
    def replaced(command: str | bytes) -> int:
        variables = inherited()
        if variables is None:
            return original(command)
        child = os.posix_spawn("/bin/sh", ["sh", "-c", command], variables)
        return os.waitpid(child, 0)[1]

    return replaced


def _spawn(inherited: Inherited, original: Callable[..., int]) -> Callable[..., int]:
    # Since 3.13 the environment may be None.
    @wraps(original)
    def replaced(path: Any, argv: Any, env: Any, **options: Any) -> int:
        return original(path, argv, inherited() if env is None else env, **options)

    return replaced


def _of_a_loop(inherited: Inherited, original: Callable[..., Any]) -> Callable[..., Any]:
    # uvloop starts children by itself, past subprocess.
    @wraps(original)
    async def replaced(*arguments: Any, **options: Any) -> Any:
        if options.get("env") is None and (variables := inherited()) is not None:
            options["env"] = {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}
        return await original(*arguments, **options)

    return replaced
