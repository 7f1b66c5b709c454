"""`python -m launcher` is the `launcher` command."""

from launcher.cli.main import command

command()
