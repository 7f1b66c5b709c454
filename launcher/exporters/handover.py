"""What the agent inside supervisord is given beside the configuration: the plan that it runs, and where.

Written by the exporter, read by the agent; the same value on both sides.
"""

from __future__ import annotations

import zlib

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from launcher.plan.model import PLAN_VERSION, Plan
from launcher.profile.model import EngineName, Settings

#: The file's name, beside the configuration.
NAME = "launcher.plan"


class Handover(Struct, frozen=True, kw_only=True):
    """The whole file. `names`: what each instance with a process is called in supervisord; `run`: the run folder.

    `attended`: `launcher start` tells the agent what to start, and it ends when nothing is left that can run.
    """

    version: int = PLAN_VERSION
    plan: Plan
    settings: Settings
    names: dict[str, str]
    run: str
    attended: bool = False


def supervised(shown: Plan, *, of: Plan) -> Plan:
    """The plan as it may be shown, every process a program of supervisord.

    A variable of which something is masked is left out: supervisord's own environment has to have it.
    """
    instances = {
        name: one if one.is_hosted else replace(one, engine=EngineName.SUPERVISORD)
        for name, one in shown.instances.items()
    }
    services = {
        name: replace(service, env=_same(service.env, of.services[name].env))
        for name, service in shown.services.items()
    }
    return replace(shown, env=_same(shown.env, of.env), services=services, instances=instances)


def _same(shown: dict[str, str], whole: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in shown.items() if whole[name] == value}


def write(handover: Handover) -> str:
    """The text of the file: JSON."""
    return msgspec.json.format(msgspec.json.encode(handover)).decode() + "\n"


def digest(text: bytes) -> str:
    """What tells one such file from another, whatever mark the export gave it.

    It stands in the agent's command, so that `supervisorctl update` begins an agent anew whose plan has changed.
    """
    return f"{zlib.crc32(_unmarked(text)):08x}"


def read(text: bytes) -> Handover | str:
    """What a text holds, or the reason why it holds nothing of the kind."""
    try:
        return msgspec.json.decode(_unmarked(text), type=Handover)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        return str(problem)


def _unmarked(text: bytes) -> bytes:
    """Without the export's mark, a line before it."""
    return text.partition(b"\n")[2] if text.startswith(b"#") else text
