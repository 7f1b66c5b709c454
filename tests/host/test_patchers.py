"""What gevent and eventlet would replace for a whole process stays as it is, where several components share it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.host.test_unshareable import alone

PATCHERS = {
    "gevent": ("import gevent.monkey; gevent.monkey.patch_all()", "gevent.monkey.patch_all"),
    "gevent, one of many": ("from gevent import monkey; monkey.patch_socket()", "gevent.monkey.patch_socket"),
    "eventlet": ("import eventlet; eventlet.monkey_patch()", "eventlet.monkey_patch"),
}
#: What is called of the two libraries, where they are not installed.
STAND_INS = {
    "gevent/__init__.py": "",
    "gevent/monkey.py": """
        import time
        def patch_all():
            time.sleep = patch_socket
        def patch_socket():
            patch_all()
        """,
    "eventlet/__init__.py": "from eventlet import patcher\nmonkey_patch = patcher.monkey_patch\n",
    "eventlet/patcher.py": """
        import time
        def monkey_patch():
            time.sleep = monkey_patch
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize(("patch", "call"), PATCHERS.values(), ids=PATCHERS)
@pytest.mark.parametrize("is_loaded", [False, True], ids=["not loaded before", "loaded before"])
def test_monkey_patching_is_stopped_before_it_has_replaced_anything(packages, patch, call, is_loaded):
    """By the real libraries where they are installed."""
    library = call.partition(".")[0]
    if not find_spec(library):
        for name, text in STAND_INS.items():
            packages.write(name, text)
    told = alone(
        f"""
        import sys, time, warnings; warnings.simplefilter("ignore")
        sys.path.append({packages.folder("")!r})
        from launcher.host.description import Description
        from launcher.host.unshareable import watched
        sleep = time.sleep
        if {is_loaded}:
            import {call.rpartition(".")[0]}
        try:
            with watched(Description("one", "app:app", "/project"), []) as found:
                {patch}
        except RuntimeError as error:
            print(error)
        print(found[0].reason, found[0].remedy, found[0].is_restorable, time.sleep is sleep)
        """
    )
    refused, reason = told.splitlines()
    assert refused == f"{call} cannot be called while a shared process imports this module"
    assert reason.startswith(f"its import calls {call} (")
    assert reason.endswith('give it a process of its own: placement = "own" True True')


@pytest.mark.slow
def test_a_patch_on_another_way_is_seen_and_not_restorable():
    told = alone(
        """
        import time
        from launcher.host.description import Description
        from launcher.host.unshareable import watched
        def sleep(): ...
        sleep.__module__ = "gevent.hub"
        with watched(Description("one", "app:app", "/project"), []) as found:
            time.sleep = sleep
        print(found[0].reason, found[0].is_restorable)
        """
    )
    assert told.startswith("its import lets gevent replace time.sleep and others")
    assert told.endswith("False\n")
