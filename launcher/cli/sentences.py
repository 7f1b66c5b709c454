"""Errors, and how a start-up went, as people read them."""

from __future__ import annotations

from collections.abc import Iterable

from launcher.errors import LauncherError, ProblemsFound


def describe(error: LauncherError, *, colour: bool = False) -> str:
    """An error for people: code, place, sentence, and what to do; several of them one after the other."""
    if isinstance(error, ProblemsFound):
        return "".join(describe(problem, colour=colour) for problem in error.problems)
    red, plain = ("\033[31m", "\033[0m") if colour else ("", "")
    code = f"E{error.code} " if error.code else ""
    remedy = f"      {error.remedy}\n" if error.remedy else ""
    return f"{red}{code}{plain}{error}\n{remedy}"


def all_ready(lines: Iterable[str], took: float) -> str:
    """The sentence that closes a start-up, with the addresses at which services can be reached."""
    reachable = [line.replace(" is ready at ", " at ") for line in lines if " is ready at " in line]
    return f"all ready after {took:.2f} s" + (f": {', '.join(reachable)}" if reachable else "")
