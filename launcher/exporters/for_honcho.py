"""The formats that honcho lacks, for its own `honcho export`: registered in its group `honcho_exporters`.

honcho has expanded everything already: processes with a name, a shell command and an environment. Knows honcho's
interface only, not our plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from launcher.exporters import compose
from launcher.profile.secrets import is_secret


class _Export:
    """What honcho calls. No templates are read, so a template folder has no effect."""

    def __init__(self, template_dir: str | None = None, template_env: Any = None) -> None:
        del template_dir, template_env

    def render(self, processes: Iterable[Any], context: Mapping[str, str]) -> list[Any]:
        """Give files of honcho's kind."""
        from honcho.export.base import File  # type: ignore[import-untyped]  # noqa: PLC0415  (it needs jinja2)

        name, content = self.file(list(processes), context)
        return [File(name, content)]

    def file(self, processes: list[Any], context: Mapping[str, str]) -> tuple[str, str]:
        """The one file there is."""
        raise NotImplementedError


class Compose(_Export):
    """`honcho export compose LOCATION`: compose.yaml, a service per process."""

    def file(self, processes: list[Any], context: Mapping[str, str]) -> tuple[str, str]:
        services = {
            process.name.replace(".", "-"): {
                "build": ".",
                "command": [context["shell"], "-c", compose.doubled(process.cmd)],
                # Compose reads a .env file beside its own to fill these in.
                "environment": {
                    name: f"${{{name}?is secret, and not in the export}}" if is_secret(name) else compose.doubled(value)
                    for name, value in process.env.items()
                },
            }
            for process in processes
        }
        return compose.FILE, compose.document({"services": services})


class Procfile(_Export):
    """`honcho export procfile LOCATION`: the commands again; whoever runs them reads the .env file, as honcho does."""

    def file(self, processes: list[Any], context: Mapping[str, str]) -> tuple[str, str]:
        del context
        lines = {process.name.partition(".")[0]: process.cmd for process in processes}
        return "Procfile", "".join(f"{name}: {command}\n" for name, command in lines.items())
