"""The environment of an instance as far as a plan alone decides it.

Nothing inherited is baked: where a template of the profile refers to a variable that only the environment or an env
file has, the reference stays, as `Outside`, for the target to fill in. A secret's value stays out the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from launcher.errors import NotExportable
from launcher.plan.model import Instance, Plan
from launcher.plan.resolve import look_up
from launcher.profile.interpolate import Dotted, Part, expand, parse
from launcher.profile.secrets import is_secret, secret_values

#: Stands for what is not known, where a text is looked at as a whole.
_GAP = "\0"


class Outside(Struct, frozen=True):
    """A variable that the process finds in its environment; without `default` it has to be there."""

    name: str
    default: tuple[Piece, ...] | None = None
    message: str | None = None


Piece = str | Outside
#: A text in pieces: what is known, and what the target fills in.
Value = tuple[Piece, ...]


class Variable(Struct, frozen=True, kw_only=True):
    """One variable that the profile sets. `withheld`: it is secret, so only its name is exported."""

    name: str
    value: Value
    withheld: bool = False


class Environment:
    """The variables of one instance, and what its other templates mean with them."""

    def __init__(
        self, plan: Plan, one: Instance, *, table: Mapping[str, str], port: Value | None, with_secrets: bool
    ) -> None:
        self._table = table
        self._where = f"services.{one.service}"
        self._secrets = plan.secrets
        self._with_secrets = with_secrets
        #: Whether a secret value is among the variables.
        self.holds_secrets = False
        ours: dict[str, Value] = {
            "HONCHO_PROCESS_NAME": (one.name,),
            "LAUNCHER_PROFILE": (plan.profile,),
            "LAUNCHER_SERVICE": (one.service,),
            "LAUNCHER_INSTANCE": (one.name,),
            **({"PORT": port} if port is not None else {}),
        }
        self._known: dict[str, Value] = dict(ours)
        found: dict[str, Variable] = {}
        for layer in (plan.env, plan.services[one.service].env):
            # Values of one layer do not see each other, only the layers below.
            made = [self._variable(name, template) for name, template in layer.items() if name not in ours]
            for variable in made:
                found[variable.name] = variable
                self._known[variable.name] = (Outside(variable.name),) if variable.withheld else variable.value
        if port is not None and port != (Outside("PORT"),):
            found["PORT"] = Variable(name="PORT", value=port)
        self.variables = list(found.values())

    def text(self, template: str, what: str) -> Value:
        """What a template outside of commands means; `what` names it in an error."""
        try:
            return self._joined(parse(template))
        except _Undecided as undecided:
            raise NotExportable(
                f"{self._where}.{what}: {template!r} depends on whether {undecided.name} is empty, which only the "
                "target will know",
                remedy="Write the value without `:-` or `:?`, or give the variable a fixed value.",
            ) from None

    def command(self, template: str) -> str:
        """A command with its dotted names resolved, all else as it is."""
        return expand(template, variables=None, dotted=self._dotted)

    def _dotted(self, name: str) -> str:
        return look_up(name, self._table)

    def _variable(self, name: str, template: str) -> Variable:
        value = self.text(template, f"env.{name}")
        secret = _is_secret(name, value, self._secrets)
        if secret and self._with_secrets:
            self.holds_secrets = True
        return Variable(name=name, value=value, withheld=secret and not self._with_secrets)

    def _joined(self, parts: Iterable[Part]) -> Value:
        found: list[Piece] = []
        for part in parts:
            if isinstance(part, str):
                found.append(part)
            elif isinstance(part, Dotted):
                found.append(self._dotted(part.name))
            else:
                found += self._reference(part.name, part.default, part.message)
        return joined(found)

    def _reference(self, name: str, default: tuple[Part, ...] | None, message: str | None) -> Value:
        known = self._known.get(name)
        if known is None or known == (Outside(name),):
            return (Outside(name, None if default is None else self._joined(default), message),)
        if default is None and message is None:
            return known
        if any(isinstance(piece, Outside) for piece in known):
            raise _Undecided(name)
        if "".join(map(str, known)):
            return known
        if default is not None:
            return self._joined(default)
        raise NotExportable(f"{self._where}: variable {name} is empty: {message}")


def _is_secret(name: str, value: Value, secrets: Iterable[str]) -> bool:
    """Whether what is known of the value must not be exported: `redis://user:${PASSWORD}@host` tells nothing."""
    if not any(isinstance(piece, str) for piece in value):
        return False
    text = mapped(value, str, lambda _outside: _GAP)
    return is_secret(name, secrets) or any(one.rpartition(":")[2] != _GAP for one in secret_values({"": text}))


class _Undecided(Exception):
    """`${NAME:-…}` of a variable whose value is not known before the start."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def joined(pieces: Iterable[Piece]) -> Value:
    """The same text in as few pieces as there can be."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


def literal(value: Value) -> str | None:
    """The text, where all of it is known."""
    return "".join(map(str, value)) if all(isinstance(piece, str) for piece in value) else None


def mapped(value: Value, text: Callable[[str], str], outside: Callable[[Outside], str]) -> str:
    """Write a value in a target's language."""
    return "".join(text(piece) if isinstance(piece, str) else outside(piece) for piece in value)
