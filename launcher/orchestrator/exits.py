"""Exit codes in words. Pure; knows no process."""

from __future__ import annotations

#: The signals people meet, by number as every Unix that matters has them; others are named by their number.
SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL"}
SIGNALS |= {11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM"}


def describe_exit(code: int) -> str:
    """An exit code for people; minus a signal's number means that the signal ended it."""
    if code >= 0:
        return f"exited with code {code}"
    return f"killed by {SIGNALS.get(-code, f'signal {-code}')}"
