"""The history in a real SQLite file: kept, bounded, replaced when damaged, and read while it is written."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.observe.history.record import StoreTrouble
from launcher.observe.history.sqlite import SMALLEST, SqliteStore
from tests.observe.changes import WALL, records, session

UP = ((0, "waiting"), (1, "starting"), (2, "ready"))
DAY = 86400.0


class Clock:
    def __init__(self):
        self.wall = WALL

    def __call__(self):
        return self.wall


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.fixture
def open_store(path, clock):
    """Make stores of one file; `said` is what they told of it. They are closed in the end."""
    made = []

    def make(*, keep=30 * DAY, size=64 << 20):
        made.append(SqliteStore(path, keep=keep, size=size, wall=clock, set_aside=make.said.append))
        return made[-1]

    make.said = []
    yield make
    for store in made:
        store.close()


def test_what_was_written_is_read(open_store, path):
    """By another process too, whose store has written nothing; nobody else may look."""
    written = records(*UP, (5, "backoff"))
    store = open_store()
    store.write(session(), written)
    other = open_store()
    assert list(other.records([])) == written
    assert other.sessions() == [session()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_one_service(open_store):
    """By the name of the service, of an instance, or as it is shown."""
    store = open_store()
    store.write(session(), [*records(*UP), *records(*UP, service="db")])
    for name in ("db", "db.1"):
        assert {record.service for record in store.records([name])} == {"db"}
    assert len(list(store.records(["db", "api"]))) == 6
    assert list(store.records(["web"])) == []


def test_nothing_is_there_yet(open_store, path):
    """Reading makes no file."""
    assert list(open_store().records([])) == []
    assert open_store().sessions() == []
    assert not path.exists()


def test_it_has_only_just_been_made(open_store, path):
    """Between a file's making and its tables there is nothing to tell, and nothing wrong."""
    path.touch()
    store = open_store()
    assert (store.sessions(), list(store.records([]))) == ([], [])


def test_a_session_is_renewed(open_store):
    """It is one, however often it is written."""
    store = open_store()
    store.write(session(ended=False, seen=1), [])
    store.write(session(ended=True, seen=2), [])
    assert store.sessions() == [session(ended=True, seen=2)]


def test_what_is_too_old_goes(open_store, clock):
    """And the session of which nothing is left."""
    open_store().write(session("old"), records(*UP, name="old"))
    clock.wall += 31 * DAY
    store = open_store()
    new = records(*UP, name="new")
    store.write(session("new"), new)
    assert {record.session for record in store.records([])} == {"new"}
    assert [one.id for one in store.sessions()] == ["new"]


@pytest.mark.slow
def test_it_does_not_grow_past_its_size(open_store, path):
    """The oldest go first."""
    store = open_store(size=SMALLEST)
    for round_ in range(60):
        store.write(session(), [record for record in records(*UP, service=f"s{round_}") for _ in range(60)])
    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir()}
    assert sizes["history.db"] <= SMALLEST * 1.1
    assert sum(sizes.values()) <= SMALLEST + (2 << 20)
    kept = [record.service for record in store.records([])]
    assert kept[-1] == "s59"
    assert "s0" not in kept


@pytest.mark.slow
def test_a_smaller_size_shrinks_it(open_store, path):
    """At the next start."""
    store = open_store()
    for _ in range(30):
        store.write(session(), records(*UP) * 100)
    store.close()
    before = path.stat().st_size
    for _ in range(20):
        small = open_store(size=SMALLEST)
        small.write(session(), records(*UP))
        small.close()
    assert path.stat().st_size < before / 2


@pytest.mark.parametrize(
    "content",
    [b"this is no database, and never was one" * 100, b"SQLite format 3\0" + bytes(range(256)) * 64],
    ids=["text", "a broken one"],
)
def test_a_damaged_file_is_set_aside(open_store, path, content):
    """A new one is begun, nothing is lost of what was to be written, and it is said once."""
    path.write_bytes(content)
    store = open_store()
    store.write(session(), records(*UP))
    store.write(session(), records((3, "backoff")))
    assert len(list(store.records([]))) == 4
    assert path.with_name("history.db.bad").read_bytes() == content
    assert open_store.said == ["history.db was damaged: it is set aside as history.db.bad, and a new one is begun"]


def test_another_programs_tables(open_store, path):
    """They are none of ours, so they are set aside too."""
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE changes (something TEXT)")
    base.close()
    store = open_store()
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) == 3
    assert len(open_store.said) == 1


def test_damaged_while_it_is_open(open_store, path):
    """Found at the next write."""
    store = open_store()
    store.write(session(), records(*UP))
    store.close()
    data = bytearray(path.read_bytes())
    data[100:] = b"\xff" * (len(data) - 100)
    path.write_bytes(data)
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) == 3
    assert len(open_store.said) == 1


def test_a_later_version_is_left_alone(open_store, path):
    """It is not damaged; it is just not ours to write."""
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 2")
    base.close()
    before = path.read_bytes()
    with pytest.raises(StoreTrouble, match="later version") as raised:
        open_store().write(session(), records(*UP))
    assert raised.value.lasting
    assert path.read_bytes() == before
    assert open_store.said == []


def test_reading_a_damaged_file_changes_nothing(open_store, path):
    """It is replaced by who writes."""
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreTrouble, match="not a database"):
        list(open_store().records([]))
    assert [file.name for file in path.parent.iterdir()] == ["history.db"]


def test_a_folder_in_its_place(open_store, path):
    """It cannot be used, and goes on being tried."""
    path.mkdir()
    store = open_store()
    with pytest.raises(StoreTrouble, match="unable to open") as raised:
        store.write(session(), records(*UP))
    assert not raised.value.lasting
    path.rmdir()
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) == 3


#: Writes until the store refuses, then lifts the limit and writes again; tells what the store said.
FULL = """
import resource, sys, pathlib
from launcher.observe.history.record import StoreTrouble
from launcher.observe.history.sqlite import SqliteStore
from tests.observe.changes import WALL, records, session
store = SqliteStore(pathlib.Path(sys.argv[1]), keep=1e9, size=64 << 20, wall=lambda: WALL, set_aside=print)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
batch = [record for record in records((0, "waiting")) for _ in range(100)]
written = 0
try:
    for _ in range(1000):
        store.write(session(), batch)
        written += 100
except StoreTrouble as trouble:
    print("trouble", trouble.lasting, trouble)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
store.write(session(), batch)
print(len(list(store.records([]))) - written)
"""


@pytest.mark.slow
def test_a_full_disk(path):
    """Nothing of what was written before is lost, and with room again it goes on."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        cwd=Path.cwd(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trouble, rest = done.stdout.splitlines()
    assert trouble.startswith(f"trouble False cannot use {path}: ")
    assert rest == "100"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(store):
    for _ in range(20):
        store.write(session(), records(*UP) * 50)


def remount(folder, how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
def test_a_disk_that_is_read_only_for_a_while(small_disk, clock):
    """What was kept can be read, and it is written again when it can be."""
    store = SqliteStore(small_disk / "history.db", keep=30 * DAY, size=64 << 20, wall=clock, set_aside=pytest.fail)
    store.write(session(), records(*UP))
    store.close()
    remount(small_disk, "ro")
    with pytest.raises(StoreTrouble, match=r"readonly|read-only|unable to open") as raised:
        store.write(session(), records(*UP))
    assert not raised.value.lasting
    assert len(list(store.records([]))) == 3
    remount(small_disk, "rw")
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) == 6
    store.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
def test_a_disk_that_is_full_for_a_while(small_disk, clock):
    """The rest goes on being readable, and there is no damage."""
    store = SqliteStore(small_disk / "history.db", keep=30 * DAY, size=64 << 20, wall=clock, set_aside=pytest.fail)
    store.write(session(), records(*UP))
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file, pytest.raises(OSError, match="No space left"):
        file.write(bytes(2 << 20))
    with pytest.raises(StoreTrouble, match=r"full|I/O") as raised:
        fill(store)
    assert not raised.value.lasting
    ballast.unlink()
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) % 3 == 0
    store.close()
