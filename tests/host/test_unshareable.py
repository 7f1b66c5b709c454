"""What cannot share a process is recognised, with reason and remedy, and what is refused has not happened."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from importlib import import_module
from importlib.util import find_spec

import pytest

from launcher.host.at_import import NotAtImport
from launcher.host.current import entered
from launcher.host.description import Description
from launcher.host.unshareable import before_import, watched


def described(name, target="app:app", directory="/project", **facts):
    return Description(name, target, directory, **facts)


DJANGO = "DJANGO_SETTINGS_MODULE"
ALIKE = {
    "the same in everything": ({}, {}),
    "a folder written in another way": ({"directory": "/project"}, {"directory": "/project/./"}),
    "one Django": ({"environment": {DJANGO: "a.settings"}}, {"environment": {DJANGO: "a.settings"}}),
    "a Django beside none": ({"environment": {DJANGO: "a.settings"}}, {"environment": {}}),
    "other variables": ({"environment": {"A": "1"}}, {"environment": {"A": "2"}}),
    "a path written in another way": ({"pythonpath": ("src",)}, {"environment": {"PYTHONPATH": "/project/src"}}),
}
UNLIKE = {
    "interpreters": (
        {"python": "/a/bin/python"},
        {"python": "/b/bin/python"},
        'it asks for /b/bin/python, "one" for /a/bin/python',
    ),
    "an interpreter of its own": ({}, {"python": "/b/bin/python"}, '"one" for the default one'),
    "directories": (
        {"directory": "/a"},
        {"directory": "/b"},
        'its directory is /b, that of "one" /a; a process has one working directory',
    ),
    "Python paths": ({}, {"pythonpath": ("src",)}, 'its Python path is /project/src, that of "one" empty'),
    "PYTHONPATH": ({}, {"environment": {"PYTHONPATH": "/a:b"}}, "its Python path is /a, /project/b, that of"),
    "Django": (
        {"environment": {DJANGO: "a.settings"}},
        {"environment": {DJANGO: "b.settings"}},
        f'its {DJANGO} is b.settings, that of "one" a.settings; a process has one Django',
    ),
}


@pytest.mark.parametrize(("one", "two"), ALIKE.values(), ids=ALIKE)
def test_what_is_alike_can_be_shared(one, two):
    assert before_import([described("one", **one), described("two", **two)]) == []


@pytest.mark.parametrize(("one", "two", "reason"), UNLIKE.values(), ids=UNLIKE)
def test_what_differs_cannot_and_the_later_one_is_named(one, two, reason):
    (problem,) = before_import([described("one", **one), described("two", **two)])
    assert problem.component == "two"
    assert reason in problem.reason
    assert 'placement = "own"' in problem.remedy
    assert problem.is_restorable


def test_who_has_a_problem_is_not_held_against_those_after_it():
    found = before_import([described("one"), described("two", directory="/b"), described("three")])
    assert [problem.component for problem in found] == ["two"]


def test_two_modules_of_one_name_are_seen_before_the_import(packages):
    """Without the rule the second component would silently be the first one."""
    packages.write("a/app/__init__.py", "raise OSError")
    packages.write("b/app/__init__.py", "raise OSError")
    a, b = packages.folder("a"), packages.folder("b")
    found = before_import([described("one", "app.main:app", a), described("two", "app.main:app", b)])
    reasons = [problem.reason for problem in found]
    assert f'its module "app" is {b}/app, but that of "one" is {a}/app' in reasons
    assert all(problem.component == "two" for problem in found)


def test_a_module_that_a_neighbour_would_take_for_its_own_is_seen(packages):
    packages.write("a/app.py")
    packages.write("b/main.py", "import app")
    packages.write("b/app.py")
    a, b = packages.folder("a"), packages.folder("b")
    found = before_import([described("one", "app:app", a), described("two", "main:app", b)])
    assert f'its module "app" is {b}/app.py, but that of "one" is {a}/app.py' in [each.reason for each in found]


# --- at the import ---


@pytest.fixture
def install(packages):
    """Write a module and import it as the host would, watched; returns the problems and what it raised."""

    def install(text, *, name="subject", neighbours=(), variables=None):
        packages.write(f"{name}.py", text)
        folder = packages.folder("")
        if folder not in sys.path:
            sys.path.insert(0, folder)
        raised = None
        component = described(name, f"{name}:app", folder, environment=variables or {})
        with entered(name), watched(component, neighbours) as found:
            try:
                import_module(name)
            except Exception as error:  # noqa: BLE001  (whatever it is)
                raised = error
        return found, raised

    return install


def test_an_ordinary_import_is_no_problem(install):
    found, raised = install("""
        import subprocess, sys, threading
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)
        threading.Thread(target=int).start()
    """)
    assert (found, raised) == ([], None)


LOOPS = {
    "asyncio.run": "asyncio.run(serve())",
    "runner": "\n        with asyncio.Runner() as runner: runner.run(serve())",
    "run_until_complete": """
        loop = asyncio.new_event_loop()
        try: loop.run_until_complete(serve())
        finally: loop.close()""",
    "run_forever": """
        loop = asyncio.new_event_loop()
        try: loop.run_forever()
        finally: loop.close()""",
}
SERVE = """
        import asyncio
        async def serve():
            raise SystemExit("it ran")
"""


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_a_loop_run_at_import_is_stopped_before_it_runs(install, packages, run):
    found, raised = install(f"{SERVE}        {run}\n")
    (problem,) = found
    assert isinstance(raised, NotAtImport)
    assert problem.component == "subject"
    assert "its import calls " in problem.reason
    assert packages.folder("subject.py:") in problem.reason
    assert "__main__" in problem.remedy
    assert problem.is_restorable
    assert asyncio.run(asyncio.sleep(0, "it runs again")) == "it runs again"


@pytest.mark.skipif(not find_spec("uvloop"), reason="no uvloop here")
def test_a_loop_of_uvloop_run_at_import_is_stopped(install):
    import uvloop  # noqa: PLC0415  (it may not be there)

    before = dict(vars(uvloop.Loop))
    found, _ = install(f"""{SERVE}
        import uvloop
        loop = uvloop.new_event_loop()
        try: loop.run_until_complete(serve())
        finally: loop.close()
    """)
    assert "loop.run_until_complete" in found[0].reason
    assert dict(vars(uvloop.Loop)) == before


def test_it_is_told_even_when_the_import_goes_on(install):
    found, raised = install("""
        import asyncio
        try:
            asyncio.run(asyncio.sleep(0))
        except Exception:
            pass
    """)
    assert raised is None
    assert "asyncio.run" in found[0].reason


def test_a_loop_in_another_thread_is_left_alone(install):
    """The host serves the neighbours in one, and a component may have one of its own."""
    found, raised = install("""
        import asyncio, threading
        done = []
        thread = threading.Thread(target=lambda: done.append(asyncio.run(asyncio.sleep(0, "ran"))))
        thread.start()
        thread.join()
        assert done == ["ran"]
    """)
    assert (found, raised) == ([], None)


@pytest.mark.parametrize(
    "fork",
    [
        "import os; os.fork() or os._exit(0)",
        "import os; os.forkpty()[0] or os._exit(0)",
        "import multiprocessing as m; m.get_context('fork').Process(target=int).start()",
    ],
)
def test_a_fork_at_import_is_stopped_before_there_are_two(install, packages, fork):
    found, raised = install(fork)
    (problem,) = found
    assert isinstance(raised, NotAtImport)
    assert "its import calls os.fork" in problem.reason
    assert packages.folder("subject.py:1") in problem.reason


def test_what_somebody_kept_of_the_traps_traps_no_more(install):
    """As gevent does with os.fork, to call it from its own."""
    install("import os\nkept = os.fork")
    child = sys.modules["subject"].kept()
    if not child:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_module_of_a_neighbours_name_is_dropped_again(install, packages):
    packages.write("orders/__init__.py")
    packages.write("orders/db.py")
    packages.write("elsewhere/orders/__init__.py")
    neighbour = described("orders", "orders.main:app", packages.folder("elsewhere"))
    found, raised = install("import orders.db", neighbours=[neighbour])
    (problem,) = found
    assert raised is None
    assert problem.reason == (
        f'its import takes "orders" from {packages.folder("orders")};'
        f' that of "orders" is {packages.folder("elsewhere/orders")}'
    )
    assert "orders" not in sys.modules
    assert "orders.db" not in sys.modules


def test_a_neighbours_own_module_may_be_imported(install, packages):
    packages.write("orders/__init__.py")
    neighbour = described("orders", "orders.main:app", packages.folder(""))
    assert install("import orders", neighbours=[neighbour]) == ([], None)
    assert "orders" in sys.modules


def test_a_module_that_was_there_already_is_no_component(install, packages):
    packages.write("first/subject.py")
    sys.path.insert(0, packages.folder("first"))
    import_module("subject")
    sys.path.remove(packages.folder("first"))
    found, _ = install("")
    assert found[0].reason == (
        f'its module "subject" is {packages.folder("subject.py")},'
        f" but the process has one from {packages.folder('first/subject.py')} already"
    )


def test_what_the_import_raises_is_raised_still(packages):
    with pytest.raises(OSError, match="own"), watched(described("one"), []) as found:
        raise OSError("own")
    assert found == []


# --- with the real libraries, each in a process that is lost ---


def alone(script, *arguments):
    """Run a script in an interpreter of its own, in the project's folder; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def django(packages):
    """Two projects with settings; where Django is not installed, what the host looks at of it."""
    packages.write("one_settings.py")
    packages.write("two_settings.py")
    if not find_spec("django"):
        packages.write("django/__init__.py")
        packages.write(
            "django/conf.py",
            """
            import os
            class Settings:
                configured = False
                def setup(self):
                    if not self.configured:
                        self.SETTINGS_MODULE = os.environ["DJANGO_SETTINGS_MODULE"]
                        self.configured = True
                    return self.SETTINGS_MODULE
                DEBUG = property(setup)
            settings = Settings()
            """,
        )
    for name in ("one", "two"):
        packages.write(
            f"{name}.py",
            f"""
            import os
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{name}_settings")
            from django.conf import settings
            settings.DEBUG
            """,
        )
    return packages.folder("")


@pytest.mark.slow
def test_a_second_django_is_seen_by_what_its_own_code_asks_for(django):
    """Each sets its variable for itself, so nothing is known of it before the import."""
    told = alone(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from launcher.host import environment
        from launcher.host.current import entered
        from launcher.host.description import Description
        from launcher.host.unshareable import watched
        environment.install()
        for name in ("one", "one", "two"):
            environment.give(name, {})
            component = Description(name, f"{name}:app", sys.argv[1])
            with entered(name), watched(component, []) as found:
                sys.modules.pop(name, None)
                __import__(name)
            print(*(problem.reason for problem in found))
        """,
        django,
    )
    assert told.splitlines() == [
        "",
        "",
        f"its {DJANGO} is two_settings, but the Django of this process runs with one_settings and would answer for it",
    ]
