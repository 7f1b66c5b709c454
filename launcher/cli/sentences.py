"""Errors as people read them."""

from __future__ import annotations

from launcher.errors import LauncherError, ProblemsFound


def describe(error: LauncherError, *, colour: bool = False) -> str:
    """An error for people: code, place, sentence, and what to do; several of them one after the other."""
    if isinstance(error, ProblemsFound):
        return "".join(describe(problem, colour=colour) for problem in error.problems)
    red, plain = ("\033[31m", "\033[0m") if colour else ("", "")
    code = f"E{error.code} " if error.code else ""
    remedy = f"      {error.remedy}\n" if error.remedy else ""
    return f"{red}{code}{plain}{error}\n{remedy}"
