"""Runs inside the process of an app; uses nothing of launcher outside this folder."""

#: What an app's own Python runs: as a path, since it need not have launcher installed.
SERVE = f"{__path__[0]}/serve.py"


def channel_of(run: str, group: str) -> str:
    """Where the host of a group listens, in the run folder."""
    return f"{run}/host-{group}.sock"
