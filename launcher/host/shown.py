"""What the system shows of a process that was forked: its own command line and environment, not its parent's.

`ps` and `/proc/PID/environ` read the memory in which the kernel put both when the program was executed, and a fork has
a copy of that. So it is written over, as PostgreSQL and sendmail do it (PR_SET_MM would need a privilege). By the
environment the launcher also knows whose an orphan is that never executed a program of its own.

Linux only. Knows memory. Nothing may refer to the old strings any more: `os.environ` must have been set anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

try:
    import ctypes
except ImportError:  # a Python that was built without it: what is shown is the parent's
    ctypes = None  # type: ignore[assignment]

#: Where `/proc/self/stat` has arg_start, arg_end, env_start, env_end, counted from what follows the name.
_AREA = slice(45, 49)


def show(words: Sequence[str], environ: Mapping[str, str], *, first: str) -> None:
    """Show this command line and as much of this environment as there is room for, the variable `first` before all."""
    if ctypes is None:
        return
    with open("/proc/self/stat", "rb") as stat:  # noqa: PTH123  (pathlib is a megabyte that an app may not need)
        line = stat.read()
    arguments, arguments_end, variables, variables_end = map(int, line[line.rfind(b")") + 2 :].split()[_AREA])
    _overwrite(arguments, arguments_end, [word.encode(errors="surrogateescape") for word in words])
    ordered = sorted(environ.items(), key=lambda item: item[0] != first)
    lines = [f"{name}={value}".encode(errors="surrogateescape") for name, value in ordered]
    _overwrite(variables, variables_end, lines)


def _overwrite(start: int, end: int, strings: Sequence[bytes]) -> None:
    if not start:
        return  # a kernel that does not say
    text = b""
    for string in strings:
        if len(text) + len(string) + 1 > end - start:
            continue
        text += string + b"\0"
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
