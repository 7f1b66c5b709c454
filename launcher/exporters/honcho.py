"""runit and upstart, through honcho's own exporter classes and templates.

honcho's templates quote neither the command nor the folder, so both are given to them quoted; what an envdir or an
upstart `env` cannot hold, the command's shell sets.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Any

from msgspec import Struct

from launcher.errors import ExporterUnavailable, NotExportable
from launcher.exporters.base import File, Options, Refusals, Rendered
from launcher.exporters.losses import Feature, lost
from launcher.exporters.programs import Program, here, programs
from launcher.exporters.shell import line, passes
from launcher.exporters.variables import literal
from launcher.plan.model import Plan

_KEPT = frozenset({Feature.ADDRESSES, Feature.POLICY, Feature.REPLICAS, Feature.USER})
#: An envdir is read up to the first line's end, without blanks there; an empty file unsets the variable.
_SIMPLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\x00-\x20\x7f-\x9f\u2028\u2029]")


class _Process(Struct, frozen=True):
    """What honcho's templates ask of a process."""

    name: str
    cmd: str
    env: dict[str, str]


class _Honcho:
    """What both have in common."""

    target: str

    def render(self, plan: Plan, options: Options) -> Rendered:
        """The files that honcho's templates make of the plan."""
        found, notes = programs(plan, options, here(plan, options, self.target, bind=True))
        refusals = Refusals()
        files: list[File] = []
        users = {literal(program.user) for program in found if program.user}
        if len(users) > 1:
            raise NotExportable(f"{self.target} runs all services as one user, and these name {len(users)}")
        context = {
            "app": options.app,
            "app_root": self.quoted(shlex.quote(plan.root)),
            "log": options.log or f"/var/log/{options.app}",
            "shell": options.shell,
            "user": next(iter(users), "") or options.app,
        }
        processes = []
        for program in found:
            with refusals.of(program.instance.service):
                processes.append(self.process(program))
        refusals.tell()
        secret = any(program.environment.holds_secrets for program in found)
        for file in self.exporter().render(processes, context):
            # Beneath a script's first line, and beneath the only line of an envdir that is read.
            first = file.executable or "/env/" in file.name
            text = file.content if file.content.endswith("\n") else f"{file.content}\n"
            files.append(
                File(name=file.name, content=text, executable=file.executable, private=secret, mark_at=int(first))
            )
        twice = [name for name, count in Counter(file.name for file in files).items() if count > 1]
        if twice:
            raise NotExportable(
                f"{self.target} would have two files {', '.join(twice)}",
                remedy="Rename the service whose name ends like the number of an instance.",
            )
        return Rendered(files=tuple(files), losses=lost(plan, self.target, kept=_KEPT), notes=tuple(notes))

    def process(self, program: Program) -> _Process:
        """One instance, with its whole start in the command where the target's own means fall short."""
        env = {one.name: literal(one.value) or "" for one in program.variables if not one.withheld}
        simple = {key: value for key, value in env.items() if passes(key) and _SIMPLE.fullmatch(value)}
        known = {one.name for one in program.variables if literal(one.value) is not None and not one.withheld}
        kept = {"HONCHO_PROCESS_NAME": program.instance.name} | {
            key: value for key, value in simple.items() if key in known
        }
        start = program.start()
        text = line(
            type(start)(
                argv=start.argv,
                command=start.command,
                directory=start.directory,
                variables=tuple(one for one in program.variables if one.name not in kept),
            )
        )
        return _Process(program.instance.name, self.quoted(f"/bin/sh -c {shlex.quote(text)}"), kept)

    def quoted(self, text: str) -> str:
        """A text for where the template puts it."""
        return text

    def exporter(self) -> Any:
        """Make the one of honcho's."""
        raise NotImplementedError


class Runit(_Honcho):
    """The exporter `runit`."""

    target = "runit"

    def exporter(self) -> Any:
        _need_jinja2()
        from honcho.export.runit import Export  # type: ignore[import-untyped]  # noqa: PLC0415  (with jinja2, 60 ms)

        return Export()


class Upstart(_Honcho):
    """The exporter `upstart`."""

    target = "upstart"

    def quoted(self, text: str) -> str:
        # The template puts it between single quotes.
        return text.replace("'", "'\"'\"'")

    def exporter(self) -> Any:
        _need_jinja2()
        from honcho.export.upstart import Export  # type: ignore[import-untyped]  # noqa: PLC0415

        return Export()


def _need_jinja2() -> None:
    try:
        import jinja2  # noqa: F401, PLC0415  (honcho would print a page and exit)
    except ImportError:
        raise ExporterUnavailable("honcho's exporters need jinja2, which is not installed") from None
