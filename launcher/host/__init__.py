"""Runs inside the process of an app; uses nothing of launcher outside this folder."""

#: What an app's own Python runs: as a path, since it need not have launcher installed.
SERVE = f"{__path__[0]}/serve.py"
