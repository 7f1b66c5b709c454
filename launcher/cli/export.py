"""`launcher export`: a plan as the files of another tool, to standard output or, atomically, into a folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.cli.target import Target
    from launcher.errors import Caution
    from launcher.exporters.base import Agent, File, Options, Rendered
    from launcher.plan.model import Plan


#: What starts the agent, before the file with the plan.
AGENT_WORDS = (sys.executable, "-m", "launcher.cli.agent")


def export(args: Namespace) -> int:
    """Export, or check what was exported."""
    from launcher.cli.export_procfile import export_procfile, is_for_honcho  # noqa: PLC0415
    from launcher.exporters.registry import exporter  # noqa: PLC0415

    if is_for_honcho(args):
        return export_procfile(args)
    from launcher.cli.target import target_of  # noqa: PLC0415

    chosen = exporter(args.format)
    _refuse_flags(args)
    target = target_of(args, ())
    options = _options(args, target)
    if options.agent is None and not _merges(target, args.format):
        _warn_of_merging(target, args.format)
    rendered = chosen.render(_plan(target, args.format, options), options)
    cautions = [*rendered.cautions(), *(_supervisord_on_path() if options.agent is not None else ())]
    _warn(cautions, strict=args.strict)
    command = _command(args, target)
    if args.location is None:
        _refuse_secrets(rendered)
        return _print(rendered.files, command, check=args.check)
    from launcher.cli.export_files import check, write  # noqa: PLC0415

    location = Path(args.location)
    if args.check:
        return check(rendered.files, location, command)
    if options.agent is not None:
        _refuse_place(location)
        make_folders(Path(options.agent.run), options.log)
    return write(rendered.files, location, command, force=args.force)


def _warn_of_merging(target: Target, what: str) -> None:
    """Say that services which would share a process, or imports, do not here."""
    from launcher.errors import Caution, MergedElsewhere  # noqa: PLC0415
    from launcher.profile.groups import forked_group_of, group_of  # noqa: PLC0415

    profile = target.loaded.profile
    merged = [name for name, service in profile.services.items() if group_of(service, profile.settings.mode)]
    if merged:
        text = f"{what} runs a process for each service: {', '.join(merged)} will not share one"
        print(Caution(MergedElsewhere.code, text), file=sys.stderr)
    forked = [name for name, service in profile.services.items() if forked_group_of(service, profile.settings.mode)]
    if forked:
        text = f"{what} starts each service by itself: {', '.join(forked)} will share no import"
        print(Caution(MergedElsewhere.code, text), file=sys.stderr)


def _merges(target: Target, name: str) -> bool:
    """Whether services share a process in this format: in a merged app always, in a Procfile if the mode says so."""
    from launcher.profile.model import Mode  # noqa: PLC0415

    return name == "merged" or (name == "procfile" and target.loaded.profile.settings.mode is Mode.SINGLE)


def _plan(target: Target, name: str, options: Options) -> Plan:
    """What is exported is what the profile selects, and no port is asked about here."""
    if options.agent is not None:
        return target.exported()
    from msgspec.structs import replace  # noqa: PLC0415

    from launcher.plan.build import build  # noqa: PLC0415
    from launcher.profile.model import Mode  # noqa: PLC0415

    profile, merges = target.loaded.profile, _merges(target, name)
    if merges:
        profile = replace(profile, settings=replace(profile.settings, mode=Mode.SINGLE))
    return build(profile, is_free=lambda _port: True, merges=merges)


def _options(args: Namespace, target: Target) -> Options:
    from launcher.exporters.base import Options  # noqa: PLC0415
    from launcher.exporters.names import word_of  # noqa: PLC0415
    from launcher.host import SERVE  # noqa: PLC0415

    return Options(
        app=word_of(args.app or target.project.root.name),
        pythons=pythons_of(target),
        serve=SERVE,
        with_secrets=args.with_secrets,
        agent=_agent(args, target),
        user=args.user or "",
        log=args.log or "",
        shell=args.shell or "/bin/sh",
    )


def pythons_of(target: Target) -> dict[str, str]:
    """The interpreter that serves apps here, by the name that services have for it."""
    from launcher.world import SystemWorld  # noqa: PLC0415

    profile = target.loaded.profile
    world = SystemWorld(target.project.root, os.environ)
    named = {service.python or profile.settings.python or "" for service in profile.services.values()}
    return {name: world.python_for(name or None) for name in named}


def _agent(args: Namespace, target: Target) -> Agent | None:
    from launcher.exporters.base import Agent  # noqa: PLC0415

    if args.format != "supervisord" or args.plain:
        return None
    return Agent(
        words=AGENT_WORDS,
        run=str(target.folder.absolute()),
        settings=target.loaded.profile.settings,
    )


def _command(args: Namespace, target: Target) -> str:
    """What exports the same again, without a word on where this is."""
    words = ["launcher", "export", args.format]
    if not target.loaded.profile.procfile:
        words += ["--profile", target.profile]
    for flag in ("procfile", "port", "concurrency", "app", "user", "log", "shell"):
        if getattr(args, flag) is not None:
            words += [f"--{flag}", getattr(args, flag)]
    words += [f"--{flag.replace('_', '-')}" for flag in ("with_secrets", "plain") if getattr(args, flag)]
    if args.run_dir and args.format == "supervisord" and not args.plain:
        words += ["--run-dir", args.run_dir]
    return shlex.join(words)


#: Flags that some formats have a use for; those of the last kind belong to honcho's way with a Procfile.
_FLAGS = {
    "log": ("supervisord", "runit", "upstart"),
    "shell": ("runit", "upstart"),
    "template_dir": (),
}


def _refuse_place(location: Path) -> None:
    """Supervisord puts the folder of its configuration into the agent's command, and splits that as a shell would."""
    from launcher.errors import NotExportable  # noqa: PLC0415

    path = str(location.absolute())
    if set(path) & set('"\\') or not path.isprintable():
        raise NotExportable(f"supervisord cannot take the path {path!r}", remedy="Export to another folder.")


def make_folders(run: Path, log: str) -> None:
    """Supervisord makes no folder for its socket or its logs."""
    from launcher.errors import OutputUnwritable  # noqa: PLC0415

    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        run.chmod(0o700)
        (Path(log) if log else run / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputUnwritable(f"cannot make {problem.filename}: {problem.strerror}") from problem


def _refuse_flags(args: Namespace) -> None:
    """A flag without effect is a mistake to hear of."""
    from launcher.errors import Usage  # noqa: PLC0415

    for name, formats in _FLAGS.items():
        if getattr(args, name) is not None and args.format not in formats:
            flag = f"--{name.replace('_', '-')}"
            remedy = (
                f"It is for {', '.join(formats)}." if formats else "It is for a Procfile exported as honcho does it."
            )
            raise Usage(f"{flag} has no effect on {args.format} here", remedy=remedy)


def _supervisord_on_path() -> list[Caution]:
    from launcher.cli.supervisord_on_path import caution  # noqa: PLC0415  (for supervisord only)

    found = caution(os.environ, python=sys.executable)
    return [] if found is None else [found]


def _warn(cautions: list[Caution], *, strict: bool) -> None:
    from launcher.errors import CATALOGUE, ProblemsFound  # noqa: PLC0415

    if strict and cautions:
        raise ProblemsFound([CATALOGUE[caution.code](caution.sentence) for caution in cautions])
    for caution in cautions:
        print(caution, file=sys.stderr)


def _refuse_secrets(rendered: Rendered) -> None:
    from launcher.errors import SecretExported  # noqa: PLC0415

    if any(file.private for file in rendered.files):
        raise SecretExported(
            "secret values are not printed to standard output",
            remedy="Name a LOCATION: what holds secrets is written with mode 0600.",
        )


def _print(files: tuple[File, ...], command: str, *, check: bool) -> int:
    from launcher.errors import Usage  # noqa: PLC0415
    from launcher.exporters.stamp import stamped  # noqa: PLC0415

    if check:
        raise Usage(
            "--check compares with files", remedy="Say where they are: launcher export FORMAT LOCATION --check."
        )
    for number, file in enumerate(files):
        if len(files) > 1:
            print(f"{chr(10) if number else ''}==> {file.name} <==")
        print(stamped(file, command), end="")
    return 0
