"""Log files: stamped, private, rotated without loss, and read back."""

import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from launcher.observe.hub import Batch
from launcher.observe.logfile import LogFiles, log_path
from launcher.observe.logread import Line, chosen_lines, last_lines, merge, parse_line
from launcher.orchestrator.orders import Run

AT = datetime(2026, 11, 24, 4, 5, 6, 123000, UTC).timestamp()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run" / "logs"


@pytest.fixture
def notes():
    return []


def write(writer, folder, *batches, notes=None, limit=10**7):
    files = LogFiles(writer, folder, note=(notes if notes is not None else []).append, limit=limit)
    for instance, lines, at in batches:
        files(Batch(Run(instance, 1), instance, lines, at))
    assert writer.flush(5)


def test_each_line_is_stamped_to_the_millisecond_in_utc(writer, folder):
    write(writer, folder, ("api.1", b"one\ntwo \xff\n", AT), ("api.1", b"three\n", AT + 0.9))
    assert (folder / "api.1.log").read_bytes() == (
        b"2026-11-24T04:05:06.123Z one\n2026-11-24T04:05:06.123Z two \xff\n2026-11-24T04:05:07.023Z three\n"
    )


def test_logs_are_for_their_owner_only(writer, folder):
    write(writer, folder, ("api.1", b"one\n", AT))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "api.1.log").stat().st_mode) == 0o600


def test_a_log_goes_on_where_it_was_and_mends_a_torn_line(writer, folder):
    """A launcher killed in the middle of a line leaves it without a newline."""
    folder.mkdir(parents=True)
    log_path(folder, "api.1").write_bytes(b"2026-11-24T04:05:05.000Z torn")
    write(writer, folder, ("api.1", b"one\n", AT))
    assert [line.text for line in merge({"api": log_path(folder, "api.1")}, 10)] == ["torn", "one"]


def test_rotation_tears_and_loses_no_line(writer, folder):
    """With three files of 10,000 bytes the last 600 lines fit; none of them is cut, and no file is larger."""
    lines = [b"line %04d" % number for number in range(1000)]
    write(
        writer,
        folder,
        *(("api.1", b"\n".join(lines[at : at + 7]) + b"\n", AT) for at in range(0, 1000, 7)),
        limit=10_000,
    )
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["api.1.log", "api.1.log.1", "api.1.log.2"]
    assert all(8_000 < file.stat().st_size <= 10_000 or file.name == "api.1.log" for file in files)
    kept = last_lines(folder / "api.1.log", 10_000)
    assert len(kept) > 600
    assert [line[25:] for line in kept] == lines[-len(kept) :]


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_as_many_files_are_kept_as_are_wanted(writer, folder, kept):
    """Those left from a time when more were kept go with the first rotation."""
    folder.mkdir(parents=True)
    for number in range(1, 8):
        (folder / f"api.1.log.{number}").write_bytes(b"old\n")
    (folder / "api.1.log.new").write_bytes(b"no log of ours")
    files = LogFiles(writer, folder, note=pytest.fail, limit=1000, kept=kept)
    for number in range(200):
        files(Batch(Run("api.1", 1), "api.1", b"%060d\n" % number, AT))
        assert writer.flush(5)
    names = {"api.1.log", "api.1.log.new", *(f"api.1.log.{number}" for number in range(1, kept + 1))}
    assert {path.name for path in folder.iterdir()} == names
    assert [int(line[25:]) for line in last_lines(folder / "api.1.log", 1000)][-1] == 199


def test_a_batch_larger_than_the_limit_is_kept_whole(writer, folder):
    write(writer, folder, ("api.1", b"x" * 300 + b"\n", AT), ("api.1", b"y" * 300 + b"\n", AT), limit=100)
    assert [line[25:26] for line in last_lines(folder / "api.1.log", 10)] == [b"x", b"y"]


def test_a_folder_that_cannot_be_written_is_told_once(writer, tmp_path, notes):
    blocked = tmp_path / "file"
    blocked.touch()
    write(writer, blocked / "logs", ("api.1", b"x\n", AT), ("web.1", b"x\n", AT), notes=notes)
    assert len(notes) == 1
    assert re.fullmatch(r"cannot write log files in .*/logs: Not a directory; services go on without", notes[0])


def test_a_folder_that_vanishes_is_told_once(writer, folder, notes):
    files = LogFiles(writer, folder, note=notes.append)
    folder.rmdir()
    for instance in ("api.1", "web.1"):
        files(Batch(Run(instance, 1), instance, b"x\n", AT))
    assert writer.flush(5)
    assert len(notes) == 1


def test_no_link_is_followed(writer, folder, tmp_path, notes):
    """Who can write into the folder must not direct our lines into another file."""
    folder.mkdir(parents=True)
    (folder / "api.1.log").symlink_to(tmp_path / "elsewhere")
    write(writer, folder, ("api.1", b"x\n", AT), notes=notes)
    assert not (tmp_path / "elsewhere").exists()
    assert len(notes) == 1


LAST = [
    # (what, the files from the youngest on, how many lines, those given)
    ("no file", [], 3, []),
    ("an empty file", [b""], 3, []),
    ("fewer than asked for", [b"a\nb\n"], 3, [b"a", b"b"]),
    ("the last ones", [b"a\nb\nc\nd\n"], 3, [b"b", b"c", b"d"]),
    ("none", [b"a\n"], 0, []),
    ("a line being written", [b"a\nb"], 1, [b"b"]),
    ("empty lines count", [b"a\n\n\n"], 2, [b"", b""]),
    ("across rotation", [b"e\n", b"c\nd\n", b"a\nb\n"], 4, [b"b", b"c", b"d", b"e"]),
    ("all files", [b"e\n", b"c\nd\n", b"a\nb\n"], 9, [b"a", b"b", b"c", b"d", b"e"]),
    ("long lines", [b"a" * 200_000 + b"\n" + b"b" * 70_000 + b"\n"], 2, [b"a" * 200_000, b"b" * 70_000]),
    ("more than a block", [b"".join(b"%06d\n" % n for n in range(30_000))], 1, [b"029999"]),
]


@pytest.mark.parametrize(("files", "count", "expected"), [row[1:] for row in LAST], ids=[row[0] for row in LAST])
def test_the_last_lines_are_read(tmp_path, files, count, expected):
    for number, content in enumerate(files):
        (tmp_path / ("x.log" + (f".{number}" if number else ""))).write_bytes(content)
    assert last_lines(tmp_path / "x.log", count) == expected


def stamped(*lines):
    """A log whose first line is of 04:05:00, the next one a second later, and so on; what has a `-` has no stamp."""
    stamps = [b"" if line.startswith("-") else b"2026-11-24T04:05:%02d.000Z " % n for n, line in enumerate(lines)]
    return b"".join(stamp + line.encode() + b"\n" for stamp, line in zip(stamps, lines, strict=True))


LONG = stamped(*("x" * 9000 + str(number) for number in range(30)))
CHOSEN = [
    # (what, the files from the youngest on, what is wanted, the texts given)
    ("since a moment", [stamped("a", "b", "c", "d")], {"since": 2}, ["c", "d"]),
    ("since before all", [stamped("a", "b")], {"since": -60}, ["a", "b"]),
    ("since after all", [stamped("a", "b")], {"since": 60}, []),
    ("what has no stamp stands with the line before", [stamped("a", "b", "-c", "d")], {"since": 1}, ["b", "-c", "d"]),
    ("matching", [stamped("GET 1", "PUT 2", "GET 3")], {"pattern": "^GET"}, ["GET 1", "GET 3"]),
    ("the last that match", [stamped("GET 1", "GET 2", "PUT 3")], {"pattern": "GET", "count": 1}, ["GET 2"]),
    ("both", [stamped("GET 1", "GET 2", "PUT 3")], {"pattern": "GET", "since": 1}, ["GET 2"]),
    ("the last since a moment", [stamped("a", "b", "c")], {"since": 1, "count": 1}, ["c"]),
    ("none", [stamped("a")], {"since": 0, "count": 0}, []),
    ("across rotation", [stamped("c", ""), stamped("a", "b")], {"since": 0, "pattern": "."}, ["a", "b", "c"]),
    ("an empty file", [b"", stamped("a")], {"pattern": ""}, ["a"]),
    ("larger than a block", [LONG], {"pattern": "[27]$", "since": 20}, ["x" * 9000 + "22", "x" * 9000 + "27"]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "wanted", "texts"), [row[1:] for row in CHOSEN], ids=[row[0] for row in CHOSEN])
def test_lines_are_chosen(tmp_path, files, wanted, texts):
    """By time and by pattern, oldest first, from all files of a log."""
    for number, content in enumerate(files):
        (tmp_path / ("x.log" + (f".{number}" if number else ""))).write_bytes(content)
    start = datetime(2026, 11, 24, 4, 5, 0, tzinfo=UTC).timestamp()
    since = start + wanted["since"] if "since" in wanted else None
    pattern = re.compile(wanted["pattern"]) if "pattern" in wanted else None
    found = chosen_lines(tmp_path / "x.log", count=wanted.get("count"), since=since, pattern=pattern)
    assert [parse_line("x", raw).text for raw in found] == texts


def test_no_more_is_read_than_is_needed(tmp_path):
    """Older files are not even looked into."""
    (tmp_path / "x.log").write_bytes(stamped("a", "b"))
    (tmp_path / "x.log.1").write_bytes(b"\xff" * 10)
    start = datetime(2026, 11, 24, 4, 5, 1, tzinfo=UTC).timestamp()
    assert len(chosen_lines(tmp_path / "x.log", since=start)) == 1


def test_several_logs_are_merged_in_the_order_of_time(writer, folder):
    write(
        writer,
        folder,
        ("api.1", b"api 1\napi 2\n", AT),
        ("db.1", b"db 1\n", AT - 1),
        ("db.1", b"db 2\n", AT),
        ("db.1", b"db 3\n", AT + 1),
        ("api.1", b"api 3\n", AT + 2),
    )
    paths = {"api": folder / "api.1.log", "db": folder / "db.1.log", "gone": folder / "gone.1.log"}
    lines = list(merge(paths, 10))
    assert [line.text for line in lines] == ["db 1", "api 1", "api 2", "db 2", "db 3", "api 3"]
    assert lines[1] == Line("api", pytest.approx(AT), "api 1")
    assert [line.text for line in merge(paths, 1)] == ["db 3", "api 3"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"2026-11-24T04:05:06.123Z text", Line("x", AT, "text")),
        (b"2026-11-24T04:05:06.123Z ", Line("x", AT, "")),
        (b"2026-11-24T04:05:06.123Z \xff", Line("x", AT, "�")),
        (b"no stamp", Line("x", 5.0, "no stamp")),
        (b"2026-99-24T04:05:06.123Z text", Line("x", 5.0, "2026-99-24T04:05:06.123Z text")),
        (b"", Line("x", 5.0, "")),
    ],
)
def test_a_line_is_taken_apart(raw, expected):
    label, at, text = parse_line("x", raw, before=5.0)
    assert (label, text) == (expected.label, expected.text)
    assert at == pytest.approx(expected.at)


def test_reading_a_log_loads_no_writer():
    """`launcher logs` starts fast."""
    code = (
        "import sys, launcher.observe.logread; print(sorted({'threading', 'selectors', 'msgspec'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-S", "-c", code], cwd=Path.cwd(), capture_output=True, check=True)
    assert answer.stdout == b"[]\n"
