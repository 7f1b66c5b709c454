"""Each component has a root logger of its own; the process keeps its."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator

import pytest

from launcher.host import root_logger
from launcher.host.current import entered


@pytest.fixture(autouse=True)
def divided() -> Iterator[None]:
    applied = root_logger.install()
    yield
    root_logger.uninstall(applied)


def set_up(name: str, level: str) -> io.StringIO:
    """A component that calls basicConfig; what it prints."""
    printed = io.StringIO()
    with entered(name):
        logging.basicConfig(level=level, stream=printed, format=f"{name} %(levelname)s %(message)s")
    return printed


def log(name: str | None) -> None:
    with entered(name):
        logger = logging.getLogger("shared.library")
        logger.debug("debug")
        logger.info("info")
        logger.warning("warning")


def test_each_has_the_handlers_and_the_level_it_set_up() -> None:
    """A library's logger that both use goes to whose code logs; what was enabled for one is no other's."""
    web, db = set_up("web", "INFO"), set_up("db", "DEBUG")
    for name in ("db", "web", "db"):
        log(name)
    assert web.getvalue() == "web INFO info\nweb WARNING warning\n"
    assert db.getvalue() == "db DEBUG debug\ndb INFO info\ndb WARNING warning\n" * 2


def test_one_that_sets_nothing_up_has_what_python_begins_with(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the neighbour's handlers nor its level."""
    web = set_up("web", "DEBUG")
    log("db")
    assert web.getvalue() == ""
    with entered("db"):
        assert (logging.root.level, logging.root.handlers) == (logging.WARNING, [])
        assert not logging.getLogger("shared.library").isEnabledFor(logging.INFO)


def test_dict_config_is_its_own() -> None:
    """It clears the handlers of whose code calls it, and no others'."""
    web = set_up("web", "INFO")
    with entered("db"):
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}})
        assert logging.root.level == logging.ERROR
    log("web")
    assert web.getvalue() == "web INFO info\nweb WARNING warning\n"


def test_outside_it_is_the_process_s() -> None:
    before = (logging.root.level, list(logging.root.handlers))
    set_up("web", "CRITICAL")
    assert (logging.root.level, list(logging.root.handlers)) == before


def test_what_is_forgotten_begins_anew() -> None:
    web = set_up("web", "DEBUG")
    root_logger.forget("web")
    log("web")
    assert web.getvalue() == ""


def test_a_logger_s_own_level_goes_before(caplog: pytest.LogCaptureFixture) -> None:
    """As ever: below the root logger's, and below what is disabled for all."""
    web = set_up("web", "ERROR")
    with entered("web"):
        own = logging.getLogger("web.own")
        own.setLevel(logging.DEBUG)
        own.debug("told")
    assert web.getvalue() == "web DEBUG told\n"
    logging.disable(logging.CRITICAL)
    try:
        with entered("web"):
            assert not own.isEnabledFor(logging.DEBUG)
    finally:
        logging.disable(logging.NOTSET)


def test_what_was_found_once_is_asked_anew_when_a_level_changes() -> None:
    """A component's own level, or one on the way to the root logger; what is disabled, and what is so no more."""
    library = logging.getLogger("shared.library")

    def found() -> list[bool]:
        answers = []
        for name in ("web", "db"):
            with entered(name):
                answers.append(library.isEnabledFor(logging.INFO))
        return answers

    set_up("web", "INFO")
    assert found() == [True, False]
    with entered("db"):
        logging.root.setLevel(logging.INFO)
    assert found() == [True, True]
    with entered("web"):
        logging.root.setLevel(logging.ERROR)
    assert found() == [False, True]
    logging.getLogger("shared").setLevel(logging.DEBUG)
    try:
        assert found() == [True, True]
        logging.disable(logging.INFO)
        assert found() == [False, False]
        logging.disable(logging.NOTSET)
        assert found() == [True, True]
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger("shared").setLevel(logging.NOTSET)
    assert found() == [False, True]


def test_a_logger_may_have_its_own_way_to_its_level() -> None:
    class Loud(logging.Logger):
        def getEffectiveLevel(self) -> int:  # noqa: N802  (as logging has it)
            return logging.DEBUG

    loud = Loud("loud")
    loud.parent = logging.root
    with entered("web"):
        assert loud.isEnabledFor(logging.DEBUG)


def test_uninstalled_everything_is_as_it_was() -> None:
    """For the process; whoever has the logger object has the same one."""
    root, handlers = logging.root, list(logging.root.handlers)
    set_up("web", "DEBUG")
    assert logging.getLogger() is root
    assert list(root.handlers) == handlers
