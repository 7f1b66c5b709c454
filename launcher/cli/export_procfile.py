"""`launcher export` of a Procfile as honcho does it: its exporters, its file names, its flags, its words.

Knows honcho's exporters and the order in which it looks for the port and the Procfile; decides nothing of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.errors import (
    ExporterUnavailable,
    LocationUnusable,
    ProcfileSyntax,
    UnknownFormat,
    Usage,
)
from launcher.files import write_whole

if TYPE_CHECKING:
    from argparse import Namespace

#: honcho's own group; ours are registered in it too.
GROUP = "honcho_exporters"


def is_for_honcho(args: Namespace) -> bool:
    """Whether the source is a Procfile, there is a location, and nothing asks for our own way."""
    from launcher.cli.source import procfile_of, project_of  # noqa: PLC0415

    ours = args.launcher or args.check or args.strict or args.plain or args.force or args.with_secrets
    return not ours and args.location is not None and procfile_of(args, project_of(args)) is not None


def export_procfile(args: Namespace) -> int:
    """Write the files, and say so on standard error."""
    from launcher.cli.source import env_files, procfile_of, project_of  # noqa: PLC0415
    from launcher.profile.envfile import read_env_files  # noqa: PLC0415

    project = project_of(args)
    procfile = procfile_of(args, project) or project.root / "Procfile"
    exporter = _exporter(args.format, args.template_dir)
    env = read_env_files(env_files(args, project))
    app = args.app or Path.cwd().name
    context = {
        "app": app,
        "app_root": str(Path(args.directory or ".", args.app_root or "").absolute()),
        "log": args.log or f"/var/log/{app}",
        "shell": args.shell or "/bin/sh",
        "user": args.user or app,
    }
    processes = _processes(args, procfile, env)
    location = Path(args.location)
    for file in _rendered(exporter, processes, context):
        place = location / file.name
        _say(f"Writing '{os.path.join(args.location, file.name)}'")  # noqa: PTH118  (pathlib would drop a leading ./)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, file.content.encode(), mode=0o777 if file.executable else 0o666)
        except OSError as error:
            raise LocationUnusable(f"cannot write {place}: {(error.strerror or str(error)).lower()}") from None
    return 0


def _exporter(name: str, templates: str | None) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415

    from launcher.profile.names import did_you_mean  # noqa: PLC0415

    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        raise UnknownFormat(
            f'no format "{name}"{did_you_mean(name, points)}', remedy=f"There are: {', '.join(sorted(points))}."
        )
    import importlib.util  # noqa: PLC0415

    if importlib.util.find_spec("jinja2") is None:  # honcho prints a page and exits
        raise ExporterUnavailable(f"honcho's exporter {name} needs jinja2")
    return points[name].load()(template_dir=templates)


def _rendered(exporter: Any, processes: list[Any], context: dict[str, str]) -> Iterator[Any]:
    from jinja2 import TemplateError, TemplateNotFound  # noqa: PLC0415

    try:
        yield from exporter.render(processes, context)
    except TemplateNotFound as error:
        raise ExporterUnavailable(
            f"no template {error} in the folder given", remedy="Name the folder that has honcho's templates: -t DIR."
        ) from None
    except TemplateError as error:
        raise ExporterUnavailable(f"the template does not work: {error}", remedy="Mend the template.") from None


def _processes(args: Namespace, procfile: Path, env: Mapping[str, str]) -> list[Any]:
    from honcho.environ import expand_processes, parse_procfile  # type: ignore[import-untyped]  # noqa: PLC0415

    from launcher.cli.source import concurrency_of  # noqa: PLC0415
    from launcher.profile.files import read_text  # noqa: PLC0415

    try:
        found = parse_procfile(read_text(procfile, str(procfile))).processes
    except AssertionError as error:
        raise ProcfileSyntax(str(error), where=str(procfile)) from None
    port = args.port or env.get("PORT") or os.environ.get("PORT") or "5000"
    if not port.isdecimal():
        raise Usage(f"invalid value for port: '{port}'")
    return list(expand_processes(found, concurrency=concurrency_of(args), env=dict(env), port=int(port)))


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] [INFO] {text}\n")
