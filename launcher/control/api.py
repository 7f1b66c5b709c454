"""The REST API of a running launcher, on Starlette: each endpoint of the table, as a coroutine of its name.

Requests become events, snapshots and outcomes become JSON; no state of any service is held here. Who may ask is
`admission`'s, how long a connection may take is `server`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from msgspec import json
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from launcher.control import streams, wire
from launcher.control.bridge import Bridge, Output
from launcher.control.endpoints import ENDPOINTS, JSON, Endpoint
from launcher.control.named import views_of
from launcher.control.query import Query, read_query
from launcher.errors import InternalError, LauncherError, WaitTimeout, WrongMethod
from launcher.errors import NotFound as NoSuchPath
from launcher.orchestrator.events import (
    CheckAsked,
    Event,
    Outcome,
    Reply,
    RestartAsked,
    StartAsked,
    StopAsked,
    WaitAsked,
)
from launcher.orchestrator.snapshot import InstanceView, Snapshot, State
from launcher.plan.masked import masked
from launcher.profile.names import did_you_mean
from launcher.profile.secrets import mask_urls

#: As who commands are carried out, in the reasons that people read.
BY = "by the API"

#: Where the ASGI scope has the connection, if its answer's parts may be written to it directly (a `broadcast.Part`).
PART = "launcher.part"

_UP = frozenset({State.READY, State.COMPLETED})


def application(bridge: Bridge) -> Starlette:
    """The ASGI application over one launcher."""
    api = Api(bridge)
    routes = [
        Route(endpoint.path, _answering(endpoint, getattr(api, endpoint.name)), methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]
    made = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _not_there, LauncherError: _refuse, Exception: _crash},  # type: ignore[dict-item]
    )
    made.router.redirect_slashes = False  # what is not in the table is not there
    return made


class Api:
    """What each endpoint does."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._sources = bridge.sources

    # Looking ----------------------------------------------------------------------------------------------------

    async def status(self, _: Request, query: Query) -> Response:
        snapshot, _number = await self._bridge.look()
        if services := query.texts("service"):
            snapshot = replace(snapshot, instances=_views(snapshot, services))
        return _json(snapshot)

    async def service(self, _: Request, query: Query) -> Response:
        snapshot, _number = await self._bridge.look()
        name = query.text("name")
        return _json(wire.ServiceAnswer(service=name, instances=_views(snapshot, (name,))))

    async def usage(self, _: Request, _query: Query) -> Response:
        from launcher.observe.trees import usage_of  # noqa: PLC0415  (psutil, 2 MB)

        snapshot, _number = await self._bridge.look()
        pids = {view.name: view.pid for view in snapshot.instances if view.pid is not None and not view.host}
        found = await asyncio.to_thread(usage_of, pids.values())
        uses = {
            name: wire.Use(cpu=found[pid].cpu, memory=found[pid].memory) for name, pid in pids.items() if pid in found
        }
        if any(view.host for view in snapshot.instances):
            uses |= {name: wire.use_of(one) for name, one in (await self._bridge.measured()).items()}
        return _json(wire.UsageAnswer(instances=uses))

    async def health(self, _: Request, query: Query) -> Response:
        level = query.text("level") or "ready"
        snapshot, _number = await self._bridge.look()  # an answer of the loop's: it lives
        missing = () if level == "alive" else _missing(snapshot, ())
        return _json(wire.HealthAnswer(ok=not missing, level=level, missing=missing), status=503 if missing else 200)

    async def history(self, _: Request, query: Query) -> Response:
        found = await asyncio.to_thread(self._sources.history, query.texts("service"), query.seconds("since"))
        return Response(found, media_type=JSON)

    async def metrics(self, _: Request, _query: Query) -> Response:
        from launcher.observe import metrics  # noqa: PLC0415  (9 MB, for those who scrape)

        snapshot, _number = await self._bridge.look()
        text = await asyncio.to_thread(metrics.render, snapshot, self._sources.counters)
        return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def graph(self, _: Request, _query: Query) -> Response:
        plan = await self._bridge.plan()
        nodes = [
            wire.Node(
                service=name,
                layer=layer,
                depends_on=tuple(
                    wire.Dependency(
                        service=edge.dependency,
                        condition=edge.condition,
                        required=edge.required,
                        on_loss=edge.on_loss,
                    )
                    for edge in plan.edges
                    if edge.dependent == name
                ),
            )
            for layer, names in enumerate(plan.layers)
            for name in names
        ]
        return _json(wire.GraphAnswer(services=tuple(nodes)))

    async def timeline(self, _: Request, _query: Query) -> Response:
        return _json(self._sources.timeline())

    async def profile(self, _: Request, _query: Query) -> Response:
        return Response(mask_urls(json.encode(masked(await self._bridge.plan())).decode()), media_type=JSON)

    async def openapi(self, _: Request, _query: Query) -> Response:
        from launcher.control.openapi import document  # noqa: PLC0415  (for those who ask)

        return _json(document())

    # Streams ----------------------------------------------------------------------------------------------------

    async def events(self, request: Request, query: Query) -> Response:
        services = query.texts("service")
        await self._known(services)
        seen, part = request.headers.get("last-event-id", ""), request.scope["extensions"].get(PART)
        return _stream(streams.events(self._bridge, services, seen, part))

    async def logs(self, _: Request, query: Query) -> Response:
        services = query.texts("service")
        await self._known(services)
        since = query.seconds("since")
        lines = query.number("lines")
        if lines is None and since is None:
            lines = 50
        printed = self._bridge.output(services) if query.flag("follow") else None
        return _stream(self._logs(services, since, lines, printed))

    async def _logs(
        self, services: tuple[str, ...], since: float | None, lines: int | None, printed: Output | None
    ) -> AsyncIterator[bytes]:
        try:
            past = await asyncio.to_thread(self._past, services, since, lines)
            if past:
                yield past
            if printed is not None:
                async for part in streams.output(self._bridge, printed):
                    yield part
        finally:
            if printed is not None:
                printed.close()

    def _past(self, services: tuple[str, ...], since: float | None, lines: int | None) -> bytes:
        import time  # noqa: PLC0415

        from launcher.observe.logfile import log_path  # noqa: PLC0415
        from launcher.observe.logread import merge  # noqa: PLC0415

        plan = self._sources.plan
        wanted = {
            one.name: one
            for one in plan.instances.values()
            if not services or not {one.name, one.label, one.service}.isdisjoint(services)
        }
        paths = {name: log_path(self._sources.folder / "logs", name) for name in wanted}
        began = None if since is None else time.time() - since
        return b"".join(
            streams.event(
                wire.Output(instance=line.label, label=wanted[line.label].label, text=f"{line.text}\n", at=line.at)
            )
            for line in merge(paths, lines, since=began)
        )

    # Commands ---------------------------------------------------------------------------------------------------

    async def probe(self, request: Request, query: Query) -> Response:
        services = query.texts("service")
        return await self._command(request, query, services, lambda reply: CheckAsked(services=services, reply=reply))

    async def wait(self, request: Request, query: Query) -> Response:
        services = query.texts("service")
        return await self._command(request, query, services, lambda reply: WaitAsked(services=services, reply=reply))

    async def start_service(self, request: Request, query: Query) -> Response:
        services = (query.text("name"),)
        return await self._command(
            request, query, services, lambda reply: StartAsked(services=services, by=BY, named=True, reply=reply)
        )

    async def stop_service(self, request: Request, query: Query) -> Response:
        services = (query.text("name"),)
        return await self._command(
            request, query, services, lambda reply: StopAsked(services=services, by=BY, reply=reply)
        )

    async def restart_service(self, request: Request, query: Query) -> Response:
        return await self._restart(request, query, (query.text("name"),))

    async def start(self, request: Request, query: Query) -> Response:
        services, named = query.texts("service"), query.flag("named")
        return await self._command(
            request, query, services, lambda reply: StartAsked(services=services, by=BY, named=named, reply=reply)
        )

    async def restart(self, request: Request, query: Query) -> Response:
        return await self._restart(request, query, query.texts("service"))

    async def stop(self, request: Request, query: Query) -> Response:
        services = query.texts("service")
        return await self._command(
            request, query, services, lambda reply: StopAsked(services=services, by=BY, reply=reply)
        )

    async def _restart(self, request: Request, query: Query, services: tuple[str, ...]) -> Response:
        force = query.flag("force")
        return await self._command(
            request, query, services, lambda reply: RestartAsked(services=services, by=BY, force=force, reply=reply)
        )

    async def _command(
        self, request: Request, query: Query, services: tuple[str, ...], command: Callable[[Reply], Event]
    ) -> Response:
        """Have a command carried out; the answer is the state reached, or a stream that ends with it."""
        await self._known(services)
        bound = query.seconds("wait")
        if wire.EVENT_STREAM in request.headers.get("accept", ""):
            output = self._bridge.output(()) if query.flag("output") else None
            cursor = streams.Cursor(self._bridge)  # before the command: nothing that it brings about is missed
            return _stream(self._progress(cursor, services, command, output, bound))
        outcome = self._bridge.begin(command)
        await asyncio.wait([outcome], timeout=bound)
        if not outcome.done():
            raise await self._late(services, bound)
        return await self._reached(services, outcome.result())

    async def _progress(
        self,
        cursor: streams.Cursor,
        services: tuple[str, ...],
        command: Callable[[Reply], Event],
        output: Output | None,
        bound: float | None,
    ) -> AsyncIterator[bytes]:
        outcome = self._bridge.begin(command)
        async for part in streams.progress(self._bridge, cursor, outcome, output, wait=bound):
            yield part
        if not outcome.done() and not self._bridge.closing:
            late = Outcome(ok=False, error=await self._late(services, bound))
            yield streams.event(wire.done_of(late))

    async def _reached(self, services: tuple[str, ...], outcome: Outcome) -> Response:
        if outcome.error is not None:
            raise outcome.error
        snapshot = await self._bridge.look_back()  # after a stop of everything there is no other
        views = _views(snapshot, services) if services else snapshot.instances
        status = wire.status_of(outcome)
        return _json(wire.CommandAnswer(ok=outcome.ok, lines=outcome.lines, status=status, instances=views))

    async def _late(self, services: tuple[str, ...], bound: float | None) -> LauncherError:
        snapshot, _ = await self._bridge.look()
        missing = "; ".join(_missing(snapshot, services)) or "everything is ready now"
        return WaitTimeout(f"not ready within {bound:g} s: {missing}")

    async def _known(self, services: tuple[str, ...]) -> None:
        """Raise UnknownService; and for `look_back` see what there is, before it ends."""
        snapshot, _ = await self._bridge.look()
        _views(snapshot, services)


def _views(snapshot: Snapshot, names: tuple[str, ...]) -> tuple[InstanceView, ...]:
    """The instances meant, in the snapshot's order; raises UnknownService."""
    wanted = {view.name for name in names for view in views_of(snapshot, name)}
    return tuple(view for view in snapshot.instances if view.name in wanted)


def _missing(snapshot: Snapshot, services: tuple[str, ...]) -> tuple[str, ...]:
    """The instances not up among those meant (none named: all that are wanted), each with its state and reason."""
    views = _views(snapshot, services) if services else snapshot.instances
    late = [view for view in views if view.state not in _UP and (services or view.wish == "up")]
    return tuple(f"{view.label} is {view.state} ({view.reason.text})" for view in late)


def _answering(endpoint: Endpoint, answer: Callable[[Request, Query], object]) -> Callable[[Request], object]:
    async def respond(request: Request) -> Response:
        return await answer(request, read_query(endpoint, request))  # type: ignore[misc, no-any-return]

    return respond


def _json(value: object, *, status: int = 200, media: str = JSON) -> Response:
    return Response(wire.encode(value), status_code=status, media_type=media)


def _stream(parts: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(parts, media_type=wire.EVENT_STREAM, headers={"Cache-Control": "no-store"})


def _problem(error: LauncherError) -> Response:
    problem = wire.problem_of(error)
    return _json(problem, status=problem.status, media=wire.PROBLEM)


async def _refuse(_: Request, error: LauncherError) -> Response:
    return _problem(error)


async def _not_there(request: Request, error: HTTPException) -> Response:
    paths = sorted({endpoint.path for endpoint in ENDPOINTS})
    if error.status_code == 405:  # noqa: PLR2004  (Starlette's, with the methods there are)
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
        refusal = _problem(WrongMethod(f"{request.url.path} takes {allowed}, not {request.method}"))
        refusal.headers["Allow"] = allowed
        return refusal
    return _problem(NoSuchPath(f"there is no {request.url.path} here{did_you_mean(request.url.path, paths)}"))


async def _crash(_: Request, error: Exception) -> Response:
    return _problem(InternalError(f"{type(error).__name__}: {error}"))
