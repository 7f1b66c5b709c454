"""What counts as an application, without a process: the shapes that frameworks really have."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from launcher.host.target import CannotServe, load_app, parse_target


async def asgi(scope, receive, send): ...


async def asgi_with_default(scope, receive, send, extra=None): ...


def asgi_two(scope):
    """ASGI 2: called with the scope, it returns what takes the rest."""


def wsgi(environ, start_response): ...


class Asgi:
    async def __call__(self, scope, receive, send): ...


class Wsgi:
    def __call__(self, environ, start_response): ...


class AsgiTwo:
    """As before ASGI 3: an instance for each scope."""

    def __init__(self, scope): ...

    async def __call__(self, receive, send): ...


class Holder:
    inner = Asgi()
    asgi_two = staticmethod(asgi_two)


def wrapped(*arguments): ...


SHAPES = {
    "asgi function": (asgi, False),
    "asgi function with a default": (asgi_with_default, False),
    "asgi object": (Asgi(), False),
    "wsgi function": (wsgi, True),
    "wsgi object": (Wsgi(), True),
    "a decorator that hides the arguments": (wrapped, False),
}


@pytest.fixture
def module(monkeypatch):
    """A module that can be imported as `subject`, to be filled by the test."""
    module = ModuleType("subject")
    monkeypatch.setitem(sys.modules, "subject", module)
    return module


@pytest.mark.parametrize(("app", "is_wsgi"), SHAPES.values(), ids=SHAPES)
def test_wsgi_is_told_from_asgi_by_its_arguments(module, app, is_wsgi):
    module.app = app
    loaded, found_wsgi = load_app(parse_target("subject:app"))
    assert found_wsgi is is_wsgi
    assert is_wsgi or loaded is app


@pytest.mark.parametrize("app", [asgi_two, AsgiTwo, Holder.asgi_two])
def test_an_app_of_asgi_2_is_told_what_makes_one_of_asgi_3_of_it(module, app):
    """It would take no request, and each would be answered with 500."""
    module.app = app
    with pytest.raises(CannotServe, match=r'"app" takes one argument, as an app of ASGI 2 does: .* of asgiref'):
        load_app(parse_target("subject:app"))


def test_the_name_may_stand_inside_another_object(module):
    module.Holder = Holder
    assert load_app(parse_target("subject:Holder.inner")) == (Holder.inner, False)


@pytest.mark.parametrize("text", ["", ":", "app", "app:", ":app", "a b:app", "app:x()()", "app:f(1)", "a/b.py:app"])
def test_only_a_module_and_a_name_are_a_target(text):
    with pytest.raises(CannotServe, match='written "module:name"'):
        parse_target(text)
