"""A port is one launcher's, from when it is drawn until the launcher ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.control.claims import Claims


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims"


@pytest.fixture
def two(folder: Path) -> Iterator[tuple[Claims, Claims]]:
    one, other = Claims(folder), Claims(folder)
    yield one, other
    one.drop()
    other.drop()


def test_what_one_has_no_other_gets(two: tuple[Claims, Claims]) -> None:
    one, other = two
    assert one.take(8000)
    assert one.take(8000)
    assert not other.take(8000)
    assert other.take(8001)
    one.drop()
    assert other.take(8000)


def test_it_ends_with_the_process_and_not_with_the_object(folder: Path) -> None:
    """Nothing has to be given back, and nothing is stale."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"y" if Claims(folder).take(8000) else b"n")
        os.kill(os.getpid(), signal.SIGSTOP)  # it lives on, and does nothing
        os._exit(0)
    assert os.read(reading, 1) == b"y"
    os.waitpid(child, os.WUNTRACED)
    claims = Claims(folder)
    assert not claims.take(8000)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert claims.take(8000)
    claims.drop()
    os.close(reading)
    os.close(writing)


def test_what_is_asked_for_by_number_is_claimed_as_far_as_it_can_be(two: tuple[Claims, Claims]) -> None:
    one, other = two
    one.keep([8000, None])
    other.keep([8000, 8001])
    assert not one.take(8001)
    assert not other.take(8000)


def test_the_folder_is_its_owners_alone(folder: Path, two: tuple[Claims, Claims]) -> None:
    two[0].take(8000)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "8000").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("why", ["others may write there", "it is a link", "it is a file", "it cannot be made"])
def test_where_none_can_be_claimed_all_are_free(folder: Path, why: str) -> None:
    """As they would be without; nothing is written where others could have laid something."""
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    match why:
        case "others may write there":
            folder.mkdir()
            folder.chmod(0o777)
        case "it is a link":
            elsewhere.chmod(0o700)
            folder.symlink_to(elsewhere)
        case "it is a file":
            folder.touch()
        case _:
            folder = folder / "below" / "nothing"
    assert Claims(folder).take(8000)
    assert Claims(folder).take(8000)
    assert list(elsewhere.iterdir()) == []
