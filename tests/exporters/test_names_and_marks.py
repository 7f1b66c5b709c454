"""Names that a target can take, and the mark by which an edited file is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import UnknownFormat
from launcher.exporters.base import File
from launcher.exporters.names import target_names, word_of
from launcher.exporters.registry import exporter, formats
from launcher.exporters.stamp import Origin, origin, stamped
from tests.exporters.corpus import plan_from


def test_names_are_those_of_the_services(tmp_path: Path) -> None:
    """An only instance has its service's name, others a number."""
    names, notes = target_names(plan_from(tmp_path, {"web": {"command": "w"}, "job": {"command": "j", "replicas": 2}}))
    assert names == {"web.1": "web", "job.1": "job-1", "job.2": "job-2"}
    assert notes == []


def test_name_that_stands_twice_is_changed_and_said(tmp_path: Path) -> None:
    """Always in the same way, and the service that has the name by itself keeps it."""
    plan = plan_from(tmp_path, {"job": {"command": "j", "replicas": 2}, "job-1": {"command": "x"}})
    names, notes = target_names(plan)
    assert names == {"job.1": "job-1-ef1ebf", "job.2": "job-2", "job-1.1": "job-1"}
    assert [str(note) for note in notes] == ['W6008 job.1 is called "job-1-ef1ebf", since "job-1" is taken']


@pytest.mark.parametrize(
    ("text", "wanted"), [("shop", "shop"), ("my shop", "my-shop"), ("é", "app"), ("a.b", "a-b"), ("--", "app")]
)
def test_word(text: str, wanted: str) -> None:
    """Any folder's name becomes a word for a target."""
    assert word_of(text) == wanted


@pytest.mark.parametrize(
    "file",
    [
        File(name="a", content="x\n"),
        File(name="a", content=""),
        File(name="a", content="no end"),
        File(name="a", content="#!/bin/sh\nx\n", mark_at=1),
        File(name="a", content="value", mark_at=1),
        File(name="a", content="a\x85b\r\n\x0c\n", mark_at=1),
    ],
)
def test_mark_is_found_again(file: File) -> None:
    """What was exported is known, what was edited since too, and what never was."""
    text = stamped(file, "launcher export x")
    assert origin(text) is Origin.EXPORTED
    assert origin(text + "more") is Origin.EDITED
    assert origin(text.replace("sha256:", "sha256:0", 1)) is not Origin.EXPORTED
    assert origin(file.content) is Origin.FOREIGN
    assert text.split("\n")[: file.mark_at] == file.content.split("\n")[: file.mark_at]


def test_formats_are_found() -> None:
    """Whatever is installed under the entry point is an exporter."""
    assert {"procfile", "supervisord", "systemd", "compose", "runit", "upstart"} <= set(formats())
    assert all(callable(exporter(name).render) for name in formats())


def test_unknown_format_names_the_nearest() -> None:
    """A slip of the finger gets the name that was meant."""
    with pytest.raises(UnknownFormat, match="did you mean `systemd`"):
        exporter("sytemd")
