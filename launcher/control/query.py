"""What a request asks for, read by the table: unknown parameters and wrong values are refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from launcher.errors import BadRequest, LauncherError
from launcher.profile.durations import parse_duration
from launcher.profile.names import did_you_mean

if TYPE_CHECKING:
    from starlette.requests import Request

    from launcher.control.endpoints import Endpoint

T = TypeVar("T")

_TRUTHS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Query(Struct, frozen=True):
    """The parameters of one request, as texts."""

    values: dict[str, tuple[str, ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value given."""
        return tuple(value for value in self.values.get(name, ()) if value)

    def text(self, name: str) -> str:
        """The value given, or nothing."""
        return self.values.get(name, ("",))[0]

    def flag(self, name: str) -> bool:
        """Whether it is given, and not as false."""
        return name in self.values and self._read(name, _TRUTHS.__getitem__, "true or false")

    def number(self, name: str) -> int | None:
        """A whole number from 0 on."""
        if name not in self.values:
            return None
        found = self._read(name, int, "a whole number")
        if found < 0:
            raise self._wrong(name, "a whole number from 0 on")
        return found

    def seconds(self, name: str) -> float | None:
        """A number of seconds, or a text such as "10m"."""
        if name not in self.values:
            return None
        text = self.text(name)
        found: float
        try:
            found = float(text)
        except ValueError:
            try:
                found = parse_duration(text)
            except LauncherError as error:
                raise BadRequest(f"{name}: {error.sentence}", remedy=error.remedy) from error
        if not 0 <= found < float("inf"):
            raise self._wrong(name, "a time from 0 seconds on")
        return found

    def _read(self, name: str, read: Callable[[str], T], wanted: str) -> T:
        try:
            return read(self.text(name))
        except (KeyError, ValueError):
            raise self._wrong(name, wanted) from None

    def _wrong(self, name: str, wanted: str) -> BadRequest:
        return BadRequest(f'{name}: expected {wanted}, got "{self.text(name)[:40]}"')


def read_query(endpoint: Endpoint, request: Request) -> Query:
    """The parameters of a request; raises BadRequest."""
    known = {parameter.name: parameter for parameter in endpoint.takes}
    values: dict[str, tuple[str, ...]] = {name: (str(value),) for name, value in request.path_params.items()}
    for name in request.query_params:
        parameter = known.get(name)
        given = tuple(request.query_params.getlist(name))
        if parameter is None or parameter.in_path:
            near = did_you_mean(name, [one.name for one in endpoint.takes if not one.in_path])
            raise BadRequest(f"{request.url.path} takes no `{name}`{near}", remedy="See docs/api.md.")
        if len(given) > 1 and not parameter.many:
            raise BadRequest(f"{name}: given {len(given)} times")
        if parameter.choices and given[0] not in parameter.choices:
            wanted = " or ".join(parameter.choices)
            raise BadRequest(f'{name}: expected {wanted}, got "{given[0][:40]}"')
        values[name] = given
    return Query(values)
