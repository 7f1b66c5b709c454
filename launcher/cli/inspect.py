"""The commands that look and start nothing: history, plan, graph, explain, version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launcher import __version__

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from launcher.plan.model import Plan

#: How long a launcher that runs may take to tell of its plan, in seconds.
PATIENCE = 2.0


def plan(args: Namespace) -> int:
    """Show what a start would do."""
    made = _plan(args)
    if args.json:
        from msgspec import json, to_builtins  # noqa: PLC0415

        from launcher.plan.masked import masked  # noqa: PLC0415
        from launcher.plan.memory import estimate  # noqa: PLC0415
        from launcher.profile.secrets import mask_urls  # noqa: PLC0415

        shown = {**to_builtins(masked(made)), "memory": estimate(made)}
        print(mask_urls(json.format(json.encode(shown)).decode()))
    else:
        from launcher.plan.text import describe  # noqa: PLC0415

        print(describe(made))
    return 0


def graph(args: Namespace) -> int:
    """Show who depends on whom."""
    from launcher.plan.text import dot, tree  # noqa: PLC0415

    made = _plan(args)
    print(dot(made) if args.dot else tree(made))
    return 0


def explain(args: Namespace) -> int:
    """Explain an error code, or list them all."""
    from launcher.errors import CATALOGUE, Usage  # noqa: PLC0415

    if args.code is None:
        for code, error in sorted(CATALOGUE.items()):
            print(f"E{code}  {error.title}")
        return 0
    digits = args.code.lstrip("EeWw")
    error_class = CATALOGUE.get(int(digits)) if digits.isdigit() else None
    if error_class is None:
        raise Usage(f"no error has the code {args.code}", remedy="`launcher explain` lists them all.")
    print(
        f"E{error_class.code}  {error_class.title}\n\n{error_class.cause}\n\nWhat to do: {error_class.general_remedy}"
    )
    return 0


def version(_args: Namespace) -> int:
    """Print the version."""
    print(f"launcher {__version__}")
    return 0


def history(args: Namespace) -> int:
    """Show what happened to services."""
    from launcher.cli.history import show  # noqa: PLC0415  (only here)

    return show(args)


def _plan(args: Namespace) -> Plan:
    from launcher.cli.target import target_of  # noqa: PLC0415

    target = target_of(args, args.words)
    made = target.plan_of_named()
    return _as_it_runs(made, target.folder) if any(one.is_component for one in made.instances.values()) else made


def _as_it_runs(made: Plan, folder: Path) -> Plan:
    """The plan with what a launcher that runs has moved meanwhile: a start joins that one."""
    from launcher.control.running import holder  # noqa: PLC0415
    from launcher.errors import LauncherError  # noqa: PLC0415

    if holder(folder) is None:
        return made
    from launcher.control.client import Client  # noqa: PLC0415
    from launcher.plan.build import from_json  # noqa: PLC0415
    from launcher.plan.placement import as_placed  # noqa: PLC0415

    try:
        return as_placed(made, from_json(Client(folder=folder, patience=PATIENCE).get("/profile")))
    except LauncherError:
        return made  # it is on its way, or is of another version
