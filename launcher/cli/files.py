"""`launcher config show | check | schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


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
    plan = target.plan()
    print(f"{target.profile} is well: {len(plan.services)} services in {len(plan.layers)} layers")
    return 0
