"""A file is written whole, or stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from launcher.files import PRIVATE, write_whole


def test_the_file_is_replaced_with_the_mode_asked_for(tmp_path):
    """Whatever the one before had; and nothing stays beside it."""
    path = tmp_path / "state.json"
    path.write_text("before")
    path.chmod(0o644)
    write_whole(path, b"after", mode=PRIVATE, durable=True)
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == PRIVATE
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_all_as_it_was(tmp_path):
    """A folder is in the way."""
    (tmp_path / "there" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "there", b"after")
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_takes_a_part_only_is_an_error(tmp_path, monkeypatch):
    """No torn file comes into the place of a whole one."""
    path = tmp_path / "state.json"
    path.write_text("before")
    really = os.open
    monkeypatch.setattr(os, "open", lambda _path, flags, _mode: really("/dev/full", flags & ~(os.O_EXCL | os.O_CREAT)))
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_text() == "before"


def test_a_link_laid_beside_it_is_not_followed(tmp_path):
    """The name beside can be guessed."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "out"
    path.with_name(f".out.{os.getpid()}.new").symlink_to(victim)
    write_whole(path, b"after")
    assert (victim.read_text(), path.read_bytes()) == ("precious", b"after")
