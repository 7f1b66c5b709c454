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
    LauncherError,
    LocationUnusable,
    ProcfileSyntax,
    ProfileUnreadable,
    UnknownFormat,
    Usage,
)

if TYPE_CHECKING:
    from argparse import Namespace

#: honcho's own group; ours are registered in it too.
GROUP = "honcho_exporters"


def is_for_honcho(args: Namespace) -> bool:
    """Whether the source is a Procfile, the format one of honcho's, and nothing asks for our own way."""
    ours = args.launcher or args.check or args.strict or args.plain or args.force or args.with_secrets
    if ours or args.profile is not None or args.location is None:
        return False
    if getattr(args, "procfile", None) is None:
        from launcher.cli.target import project_of  # noqa: PLC0415

        try:
            project = project_of(args)
        except LauncherError:
            return True  # honcho says what is missing
        if project.profiles or project.procfile is None:
            return False
    return True


def export_procfile(args: Namespace) -> int:
    """Write the files, and say so on standard error."""
    root = Path(getattr(args, "app_root", None) or args.directory or ".")
    exporter = _exporter(args.format, args.template_dir)
    env = _env(root, getattr(args, "env", None) or ".env")
    app = args.app or Path.cwd().name
    context = {
        "app": app,
        "app_root": str(root.absolute()),
        "log": args.log or f"/var/log/{app}",
        "shell": args.shell or "/bin/sh",
        "user": args.user or app,
    }
    processes = _processes(args, root, env)
    location = Path(args.location)
    for file in _rendered(exporter, processes, context):
        place = location / file.name
        _say(f"Writing '{os.path.join(args.location, file.name)}'")  # noqa: PTH118  (pathlib would drop a leading ./)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.content, encoding="utf-8")
            if file.executable:
                place.chmod(0o755)
        except OSError as error:
            raise LocationUnusable(f"cannot write {place}: {(error.strerror or str(error)).lower()}") from None
    return 0


def _exporter(name: str, templates: str | None) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415

    from launcher.plan.nearest import did_you_mean  # noqa: PLC0415

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


def _processes(args: Namespace, root: Path, env: Mapping[str, str]) -> list[Any]:
    from honcho.environ import expand_processes, parse_procfile  # type: ignore[import-untyped]  # noqa: PLC0415

    named = getattr(args, "procfile", None) or env.get("PROCFILE") or os.environ.get("PROCFILE") or "Procfile"
    path = root / named
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ProfileUnreadable("Procfile does not exist or is not a file", where=str(path)) from None
    try:
        found = parse_procfile(text).processes
    except AssertionError as error:
        raise ProcfileSyntax(str(error), where=str(path)) from None
    port = args.port or env.get("PORT") or os.environ.get("PORT") or "5000"
    if not port.isdecimal():
        raise Usage(f"invalid value for port: '{port}'")
    return list(expand_processes(found, concurrency=_concurrency(args.concurrency), env=dict(env), port=int(port)))


def _concurrency(text: str | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in (text or "").split(","):
        name, _, number = item.partition("=")
        if item and not number.isdecimal():
            raise Usage(f'-c takes NAME=NUMBER, not "{item}"')
        if item:
            found[name] = int(number)
    return found


def _env(root: Path, names: str) -> dict[str, str]:
    from honcho.environ import parse  # noqa: PLC0415

    texts = [path.read_text(encoding="utf-8") for name in names.split(",") if (path := root / name.strip()).is_file()]
    env: dict[str, str] = parse("\n".join(texts))
    return env


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] [INFO] {text}\n")
