"""What an exporter takes and gives: a plan and options in; files, and what they cannot hold, out.

Exporters are pure: they touch no disk, no environment, no network. Files are values until the command line writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct

from launcher.errors import Caution, FeatureLost, LauncherError, NotExportable, ProblemsFound
from launcher.plan.model import Plan
from launcher.profile.model import Settings


class Agent(Struct, frozen=True, kw_only=True):
    """The launcher's own part of a target: an agent that starts, watches and restarts what runs there."""

    #: The words that start it, before the file with the plan.
    words: tuple[str, ...]
    #: The run folder, absolute: its socket, its state, its logs.
    run: str
    settings: Settings
    #: Whether somebody waits for it, who tells it what to start: it then ends when nothing is left that can run.
    attended: bool = False


class Options(Struct, frozen=True, kw_only=True):
    """What an export needs to know besides the plan: told by the command line, which may ask the machine."""

    #: The name of the whole: of the systemd target, of files.
    app: str = "app"
    #: For targets on this machine: the interpreter of `app` services by the `python` a service names ("" for none).
    pythons: dict[str, str] = {}
    #: For targets on this machine: the script by which an interpreter without launcher serves an app.
    serve: str = "launcher/host/serve.py"
    #: For targets on another machine: where the project lies there.
    app_root: str = "/app"
    #: Bake secret values.
    with_secrets: bool = False
    #: For supervisord: who keeps order and health there; None: nobody, in the form that any supervisord takes.
    agent: Agent | None = None
    user: str = ""
    log: str = ""
    shell: str = "/bin/sh"


class File(Struct, frozen=True, kw_only=True):
    """One file to be, named relative to the location of the export."""

    name: str
    content: str
    executable: bool = False
    #: Holds secrets: for its owner's eyes only.
    private: bool = False
    #: The line before which the mark of the export goes: a script keeps its `#!` first.
    mark_at: int = 0

    @property
    def mode(self) -> int:
        if self.private:
            return 0o700 if self.executable else 0o600
        return 0o755 if self.executable else 0o644


class Loss(Struct, frozen=True, kw_only=True):
    """Something the profile asks for and the target has no means for."""

    feature: str
    target: str
    services: tuple[str, ...] = ()

    def caution(self) -> Caution:
        """The warning that tells of it."""
        what = f": service{'s' if len(self.services) > 1 else ''} {', '.join(self.services)}" if self.services else ""
        return Caution(FeatureLost.code, f"{self.target} has no {self.feature}{what}")


class Rendered(Struct, frozen=True, kw_only=True):
    """The files, what they cannot hold, and what else somebody should know before using them."""

    files: tuple[File, ...]
    losses: tuple[Loss, ...] = ()
    notes: tuple[Caution, ...] = ()

    def cautions(self) -> list[Caution]:
        """Everything to warn of, losses first."""
        return [*(loss.caution() for loss in self.losses), *self.notes]


class Refusals:
    """The services that a target cannot have as they are: all of them are told at once."""

    def __init__(self) -> None:
        self._problems: list[LauncherError] = []

    @contextmanager
    def of(self, service: str) -> Iterator[None]:
        """Note what is refused within, as this service's, and go on."""
        try:
            yield
        except NotExportable as error:
            self._problems.append(NotExportable(f"services.{service}: {error.sentence}", remedy=error.remedy))

    def tell(self) -> None:
        """Raise them all, if there are any."""
        if self._problems:
            raise ProblemsFound(self._problems)


class Exporter(Protocol):
    """A target. Found by the entry point group `launcher.exporters`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """Turn a plan into files; raises ProblemsFound with all values that the target cannot take."""
        ...
