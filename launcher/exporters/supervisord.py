"""supervisord's configuration, in the form that any supervisord takes: a `[program:…]` per instance.

By supervisor 4.3's own source: values are cut at ` ;` and ` #` whatever the quotes, `%` is doubled, `%(here)s` is
replaced before anything is unquoted, `command` is split as a shell would split it, and `environment` by a lexer that
strips quotes from both ends of a value. What that lexer cannot hold, the command's shell sets instead.
"""

from __future__ import annotations

import math
import re
import shlex

from launcher.errors import NotExportable
from launcher.exporters.base import File, Options, Refusals, Rendered
from launcher.exporters.losses import Feature, lost
from launcher.exporters.names import target_names
from launcher.exporters.programs import Program, here, programs
from launcher.exporters.shell import line, passes
from launcher.exporters.variables import Variable, literal
from launcher.plan.model import Plan
from launcher.profile.model import Policy

TARGET = "supervisord"
#: What lies between the priorities of two layers.
_STEP = 100

_KEPT = frozenset(
    {
        Feature.ADDRESSES,
        Feature.POLICY,
        Feature.STAYS_DOWN,
        Feature.SIGNAL,
        Feature.GRACE,
        Feature.CODES,
        Feature.REPLICAS,
        Feature.USER,
    }
)
_RESTARTS = {Policy.NO: "false", None: "false", Policy.ON_FAILURE: "unexpected", Policy.ALWAYS: "true"}
#: Where a value would be cut, replaced, or not be one line.
_COMMENT = re.compile(r"(?<=\s)(?=[;#])")
_HERE = re.compile(r"%(?=\()")
_SIMPLE_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\"\u2028\u2029]*")
_SIMPLE_PATH = re.compile(r"[^\x00-\x20\x7f-\x9f%;#'\"\u2028\u2029]+")


class Supervisord:
    """The exporter `supervisord`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """One file: to be included by a supervisord, or given to one as its whole configuration."""
        found, notes = programs(plan, options, here(plan, options, TARGET, bind=True))
        names, changed = target_names(plan)
        # Without this section, supervisord takes no file for its own; without keys in it, it changes nothing.
        sections = ["[supervisord]\n"]
        refusals = Refusals()
        for program in found:
            with refusals.of(program.instance.service):
                sections.append(_section(plan, program, names[program.instance.name], options))
        refusals.tell()
        secret = any(program.environment.holds_secrets for program in found)
        return Rendered(
            files=(File(name=f"{options.app}.conf", content="\n".join(sections), private=secret),),
            losses=lost(plan, TARGET, kept=_KEPT),
            notes=(*changed, *notes),
        )


def _section(plan: Plan, program: Program, name: str, options: Options) -> str:
    service = program.service
    own = [one for one in program.variables if _is_simple(one)]
    rest = tuple(one for one in program.variables if one not in own)
    directory = literal(program.directory) or ""
    by_key = bool(_SIMPLE_PATH.fullmatch(directory))
    keys = {
        "command": _command(program, rest, go=not by_key),
        "directory": directory if by_key else "",
        "environment": ",".join(f'{one.name}="{_doubled(literal(one.value) or "")}"' for one in own),
        "user": _user(program),
        "priority": str(
            _STEP * (1 + next(i for i, layer in enumerate(plan.layers) if program.instance.service in layer))
        ),
        "autostart": "true",
        "autorestart": _RESTARTS[service.restart.policy],
        "startsecs": "0" if service.is_task else "",
        "startretries": "0" if service.restart.policy in (Policy.NO, None) else str(service.restart.burst),
        "exitcodes": ",".join(map(str, service.success_exit_codes)),
        "stopsignal": service.stop.signal,
        "stopwaitsecs": str(max(1, math.ceil(service.stop.grace))),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _doubled(f"{options.log}/{name}.log") if options.log else "",
    }
    return "".join([f"[program:{name}]\n", *(f"{key}={value}\n" for key, value in keys.items() if value)])


def _command(program: Program, rest: tuple[Variable, ...], *, go: bool) -> str:
    argv = [literal(word) for word in program.argv]
    words = [word for word in argv if word is not None]
    is_plain = len(words) == len(argv) and words and not rest and not go
    if is_plain and not any(re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", word) for word in words):
        return " ".join(_word(word) for word in words)
    start = program.start()
    text = line(
        type(start)(
            argv=start.argv,
            command=start.command,
            directory=start.directory if go else (),
            variables=rest,
        )
    )
    return f"/bin/sh -c {_word(text)}"


def _word(text: str) -> str:
    """One word for supervisord's split, which joins quoted parts as a shell does.

    So quotes end and begin anew where a reader before it would see something else.
    """
    quoted = shlex.quote(text)
    if not quoted.startswith("'"):
        return _doubled(quoted)
    return _doubled(_HERE.sub("%''", _COMMENT.sub("''", quoted)))


def _is_simple(one: Variable) -> bool:
    """Whether supervisord's own key can hold a variable."""
    value = literal(one.value)
    return (
        value is not None
        and not one.withheld
        and bool(passes(one.name) and _SIMPLE_VALUE.fullmatch(value))
        and value.strip("'\"") == value
        and not _COMMENT.search(value)
        and not _HERE.search(value)
    )


def _user(program: Program) -> str:
    user = literal(program.user)
    if user is None:
        raise NotExportable("its user depends on a variable that only the target will know")
    return user


def _doubled(text: str) -> str:
    return text.replace("%", "%%")
