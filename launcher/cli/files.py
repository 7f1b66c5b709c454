"""The commands about files: `config show | check | schema`, and honcho's `check`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.cli.target import Target


def config(args: Namespace) -> int:
    """Show, check or describe profiles."""
    if args.action == "schema":
        from msgspec import json  # noqa: PLC0415

        from launcher.profile.schema import json_schema  # noqa: PLC0415

        print(json.format(json.encode(json_schema())).decode())
        return 0
    from launcher.cli.target import target_of  # noqa: PLC0415

    target = target_of(args, args.words)
    if args.action == "show":
        from launcher.profile.show import render  # noqa: PLC0415

        print(render(target.loaded, with_origins=args.origin), end="")
        return 0
    return _check(target, imports=args.imports)


def check(args: Namespace) -> int:
    """Check the Procfile as honcho does, or the profile."""
    from launcher.cli.target import target_of  # noqa: PLC0415

    target = target_of(args, args.words)
    if not target.loaded.profile.procfile:
        return _check(target)
    target.plan()
    _log(f"Valid procfile detected ({', '.join(target.loaded.profile.services)})")
    return 0


def _check(target: Target, *, imports: bool = False) -> int:
    from launcher.plan.text import count  # noqa: PLC0415

    plan = target.plan()
    if imports:
        from launcher.cli.imports import check_imports  # noqa: PLC0415  (only here)

        check_imports(plan)
    services, layers = count(len(plan.services), "service"), count(len(plan.layers), "layer")
    print(f"{target.profile} is well: {services} in {layers}")
    return 0


def _log(text: str) -> None:
    """Say it as honcho's log does, on standard error."""
    import time  # noqa: PLC0415

    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] [INFO] {text}\n")
