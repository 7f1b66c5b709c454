"""What the agent inside supervisord is given beside the configuration: the plan that it runs, and where.

Written by the exporter, read by the agent; the same value on both sides.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from launcher.plan.model import PLAN_VERSION, Plan
from launcher.profile.model import EngineName, Settings

#: The file's name, beside the configuration.
NAME = "launcher.plan"


class Handover(Struct, frozen=True, kw_only=True):
    """The whole file. `names`: what each instance is called in supervisord; `run`: the run folder."""

    version: int = PLAN_VERSION
    plan: Plan
    settings: Settings
    names: dict[str, str]
    run: str


def supervised(plan: Plan) -> Plan:
    """The plan, every instance on supervisord."""
    instances = {name: replace(one, engine=EngineName.SUPERVISORD) for name, one in plan.instances.items()}
    return replace(plan, instances=instances)


def write(handover: Handover) -> str:
    """The text of the file: JSON."""
    return msgspec.json.format(msgspec.json.encode(handover)).decode() + "\n"


def read(text: bytes) -> Handover | str:
    """What a text holds, or the reason why it holds nothing of the kind. The export's mark is a line before it."""
    if text.startswith(b"#"):
        text = text.partition(b"\n")[2]
    try:
        return msgspec.json.decode(text, type=Handover)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        return str(problem)
