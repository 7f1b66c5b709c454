"""Several apps as one ASGI app that any server can serve: `assemble`, which generated modules call.

Each is imported and begun when all that it needs is ready, within bounds of its own: while one is not there, its prefix
answers 503 and the others go on; it is tried again, ever more slowly. Knows apps, their order and ASGI's lifespan; must
not know the server, and imports nothing but the standard library and this folder.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from . import environment, root_logger
from .boundary import FATAL, Boundary, Bounds
from .component import Component
from .composite import Composite
from .current import component, entered
from .importing import load
from .patches import CannotReplace
from .target import CannotServe
from .turnstile import Turnstile


def nothing() -> Mapping[str, str]:
    """No variables but those of the process."""
    return {}


class Retry(NamedTuple):
    """When one that has failed is tried again, in seconds: after `delay`, then `factor` times that, up to `most`.

    One that has been ready for `stable` seconds begins with `delay` again.
    """

    delay: float = 0.1
    factor: float = 2.0
    most: float = 30.0
    stable: float = 10.0


class App(NamedTuple):
    """One of them: "module:name" or "module:factory()", its prefix, and the names of those it waits for.

    The common directory is first on the module path, `paths` are next. `environment` gives the variables it has besides
    the process's, anew at each start. Without `retry` it fails for good. Times are in seconds.
    """

    name: str
    target: str
    prefix: str
    needs: tuple[str, ...] = ()
    strip_prefix: bool = False
    paths: tuple[str | os.PathLike[str], ...] = ()
    environment: Callable[[], Mapping[str, str]] = nothing
    retry: Retry | None = Retry()
    start_timeout: float = 60.0
    stop_timeout: float = 10.0


def variable(name: str, default: str | None = None, *, message: str | None = None) -> str:
    """A variable of the process. Where there is a default, or a message for when it is missing, empty is missing."""
    value = os.environ.get(name)
    if value or (value is not None and default is None and message is None):
        return value
    if default is None:
        raise CannotServe(f"variable {name}: {message or 'is not set'}")
    return default


def assemble(title: str, *apps: App, directory: str | os.PathLike[str] = ".") -> Assembly:
    """All of them as one, in this order unless one needs another; they run in `directory`."""
    return Assembly(title, apps, directory)


class Assembly:
    """An ASGI app. The lifespan of each app is within its own."""

    def __init__(self, title: str, apps: tuple[App, ...], directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory).absolute()
        self._composite = Composite(title=title)
        self._boundary = Boundary()
        self._members = {app.name: _Member(app, self._composite, self._boundary) for app in apps}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._composite(scope, receive, send)
            return
        await receive()
        try:
            await self._start()
        except (CannotReplace, OSError) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        """Begin with all of them, and return when each is ready, or has failed, or waits for one that has."""
        environment.install()
        root_logger.install()
        os.chdir(self._directory)  # once, before anybody is served
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(self._boundary.make_task)
        for member in self._members.values():
            member.needs = [self._members[name] for name in member.app.needs]
        for member in self._members.values():
            with entered(None):
                member.begin(self._directory)
        await asyncio.gather(*(member.first_word() for member in self._members.values()))
        for member in self._members.values():
            member.is_alone = False

    async def _stop(self) -> None:
        """End each when all that need it have ended."""
        for member in self._members.values():
            member.dependents = [other for other in self._members.values() if member in other.needs]
        await asyncio.gather(*(member.end() for member in self._members.values()))


class _Member:
    """One app: its gate, and the life that it leads behind it."""

    def __init__(self, app: App, composite: Composite, boundary: Boundary) -> None:
        self.app = app
        self.service = app.name
        self.prefix = app.prefix.rstrip("/")
        self.strip = app.strip_prefix
        self.needs: list[_Member] = []
        self.dependents: list[_Member] = []
        #: Whether nobody is served yet, so that an import holds up nobody.
        self.is_alone = True
        self._gate = Turnstile(app.name)
        self._composite = composite
        self._boundary = boundary
        self._component: Component | None = None
        self._is_ending = False
        composite.mount(self)

    @property
    def openapi_url(self) -> str | None:
        """Where it has its description."""
        return self._gate.openapi_url

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        token = component.set(self.app.name)
        try:
            await self._gate(scope, receive, send)
        except FATAL as error:
            raise RuntimeError(f"{self.app.name} called sys.exit() in a request: {error!r}") from None
        finally:
            component.reset(token)

    def begin(self, directory: Path) -> None:
        """Live from now on, in the running loop."""
        self._directory = directory
        self._ready, self._settled, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._life = asyncio.create_task(self._live())

    async def first_word(self) -> None:
        """Wait until something can be said of it, for as long as its start may take."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), self.app.start_timeout)

    async def end(self) -> None:
        """Stop it, after those that need it."""
        for other in self.dependents:
            await other._ended.wait()  # noqa: SLF001  (another of its kind)
        self._is_ending = True
        if self._component is not None:
            self._component.stop()
        else:
            self._life.cancel()
        await asyncio.wait([self._life])
        self._ended.set()

    async def _live(self) -> None:
        retry = self.app.retry
        delay = retry.delay if retry is not None else 0.0
        now = asyncio.get_running_loop().time
        while True:
            await self._await_needs()
            began = now()
            with entered(self.app.name):
                once = asyncio.create_task(self._once())
            await once
            self._ready.clear()
            self._settled.set()
            if retry is None or self._is_ending:
                return
            delay = retry.delay if now() - began > retry.stable else delay
            await asyncio.sleep(delay)
            delay = min(delay * retry.factor, retry.most)

    async def _await_needs(self) -> None:
        for need in self.needs:
            await need._settled.wait()  # noqa: SLF001  (another of its kind)
            if not need._ready.is_set():  # noqa: SLF001
                self._gate.shut(f"it waits for {need.service}, which is not ready")
                self._settled.set()
                await need._ready.wait()  # noqa: SLF001

    async def _once(self) -> None:
        """One start, up to its end."""
        one = self._component = Component(
            self.app.target,
            gate=self._gate,
            listener=_NoDoor(),
            load=self._load,
            accept=_accept,
            ready=self._is_ready,
            stop_timeout=self.app.stop_timeout,
        )
        bounds = Bounds(self._gate.measures, one.died)
        self._boundary.draw(self.app.name, bounds)
        ending = await one.live()
        self._component = None
        self._gate.shut(ending.why or "it has ended")
        if not ending.asked:
            sys.stderr.write(f"{self.app.name} has failed: {ending.why or 'it has ended'}\n")
        await bounds.cancel(one.requests())
        self._boundary.lift(self.app.name)
        environment.forget(self.app.name)
        root_logger.forget(self.app.name)
        self._composite.forget(self)

    def _is_ready(self) -> None:
        self._ready.set()
        self._settled.set()

    async def _load(self) -> tuple[Any, bool]:
        # As long as nobody is served it is imported in the main thread, which many libraries take for granted.
        return self._imported() if self.is_alone else await asyncio.to_thread(self._imported)

    def _imported(self) -> tuple[Any, bool]:
        with entered(None):
            variables = {**os.environ, **self.app.environment(), "PWD": str(self._directory)}
        environment.give(self.app.name, variables)
        loaded = load(self.app.target, [str(self._directory / path) for path in (".", *self.app.paths)])
        self._composite.learn(self, loaded[0])
        return loaded


class _NoDoor:
    """The server's connections are its own: it has drained them before it ends a lifespan."""

    async def close(self) -> None:
        """Nothing is to be closed."""


async def _accept() -> None:
    """The server listens by itself."""
