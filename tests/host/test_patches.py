"""A function of the standard library is replaced only if it is the one that was known, and comes back as it was."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from launcher.host import patches
from launcher.host.patches import CannotReplace, Replacement, apply, undo


class Base:
    def inherited(self, first, second):
        return f"original of {first}, {second}"


class Holder(Base):
    def own(self, first, second):
        return f"original of {first}, {second}"


def louder(original):
    return lambda *arguments: f"{original(*arguments)}!"


OWN = Replacement(Holder, "own", louder, takes=((1, "first"), (2, "second")))


def test_it_stands_until_it_is_undone():
    before = dict(vars(Holder))
    applied = apply([OWN, Replacement(Holder, "inherited", louder)])
    assert (Holder().own(1, 2), Holder().inherited(1, 2)) == ("original of 1, 2!", "original of 1, 2!")
    undo(applied)
    assert dict(vars(Holder)) == before


def test_what_stands_over_ours_stays():
    """Whoever put it there calls ours, and would be undone with it."""
    original = Holder.own
    applied = apply([OWN])
    try:
        Holder.own = theirs = louder(Holder.own)
        undo(applied)
        assert Holder.own is theirs
        assert Holder().own(1, 2) == "original of 1, 2!!"
    finally:
        Holder.own = original


UNKNOWN = {
    "gone": (OWN._replace(name="gone"), "has no Holder.gone"),
    "other parameters": (OWN._replace(takes=((1, "other"),)), 'takes no "other" at 1'),
    "fewer parameters": (OWN._replace(takes=((3, "third"),)), 'takes no "third" at 3'),
}


@pytest.mark.parametrize(("replacement", "sentence"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_as_it_was_known_is_refused_and_nothing_is_replaced(replacement, sentence):
    original = Holder.own
    with pytest.raises(CannotReplace, match=sentence):
        apply([OWN, replacement])
    assert Holder.own is original


def test_a_builtin_that_says_nothing_is_trusted_in_the_versions_that_were_read(monkeypatch):
    holder = SimpleNamespace(__name__="holder", silent=type)  # `type` has no signature
    replacement = Replacement(holder, "silent", louder, takes=((0, "name"),))
    monkeypatch.setattr(patches, "READ_VERSIONS", (sys.version_info[:2],))
    undo(apply([replacement]))
    monkeypatch.setattr(patches, "READ_VERSIONS", ())
    with pytest.raises(CannotReplace, match="is not known"):
        apply([replacement])
