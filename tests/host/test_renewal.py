"""A component that starts anew beside itself: its own code imported anew, and at no moment nobody to answer."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from tests.host.hosted import Host, hello

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn


@pytest.fixture
def host():
    folder = Path(tempfile.mkdtemp(prefix="lh-"))
    made = Host(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def app(text: str, *, start: str = "", stop: str = "", imports: str = "") -> str:
    return f"""
import asyncio, os
{imports}
print("imports {text}")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {start or "pass"}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        print("{text} ends")
        {stop or "pass"}
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"] == "/wait":
        print("{text} waits")
        await asyncio.to_thread(lambda: open(os.environ["GATE"]).read())
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{text}"}})
"""


def test_new_code_comes_in_the_place_of_the_old(host):
    """On the same socket; the old one's lifespan ends; the next stop ends the new one."""
    one = host.start_ready("one", app("old"))
    told = host.renew("one", app("new"))
    assert told.is_done
    assert told.why == "1 module of its own imported anew"
    assert one.ask("/").text == "new"
    one.says("old ends")
    host.stop("one")
    assert host.ended("one").code == 0
    assert "new ends" in one.output()


BROKEN = {
    "a syntax error": ("def app(:", 'importing "one" raised SyntaxError'),
    "an import that raises": ("1 / 0", 'importing "one" raised ZeroDivisionError'),
    "a lifespan that raises": (
        app("new", start="1 / 0"),
        "its lifespan failed to start: it raised ZeroDivisionError; its log says more",
    ),
    "an import that ends": ("raise SystemExit(3)", "it called sys.exit() while it was imported"),
}


@pytest.mark.parametrize(("source", "why"), BROKEN.values(), ids=BROKEN)
def test_broken_new_code_leaves_the_old_one_serving(host, source, why):
    """Whatever it does; and once mended it comes in."""
    one = host.start_ready("one", app("old"))
    told = host.renew("one", source)
    assert (told.is_done, told.why, told.needs_process) == (False, why, False)
    assert one.ask("/").text == "old"
    assert "old ends" not in one.output()
    assert host.renew("one", app("mended")).is_done
    assert one.ask("/").text == "mended"


def test_one_that_is_not_ready_in_time_does_not_come_in(host):
    one = host.start_ready("one", app("old"))
    told = host.renew("one", app("new", start="await asyncio.Event().wait()"), ready_timeout=0.3)
    assert (told.is_done, told.why) == (False, "not ready within 0.3 s")
    assert one.ask("/").text == "old"


def test_an_import_that_does_not_end_is_told_and_what_is_wanted_next_needs_a_process(host):
    """Nothing can cut it off; nor can anything else be imported meanwhile. The old one goes on."""
    one = host.start_ready("one", app("old"))
    host.start_ready("two", app("two"))
    told = host.renew("one", "import threading\nthreading.Event().wait()\n", ready_timeout=0.3)
    assert (told.is_done, told.needs_process) == (False, False)
    assert told.why.startswith("not ready within 0.3 s; its import is in ")
    assert "one.py:2" in told.why
    for name in ("one", "two"):
        told = host.renew(name, app("new"))
        assert (told.is_done, told.needs_process) == (False, True)
        assert told.why == 'the import of "one" does not end'
    assert one.ask("/").text == "old"


def test_one_that_has_come_in_is_not_late_any_more(host):
    """However long it goes on: what was to end it, were it not ready in time, is over."""
    one = host.start_ready("one", app("old"))
    later = app("new").replace("open(os.environ", "__import__('time').sleep(1.2) or open(os.environ")
    assert host.renew("one", later, ready_timeout=1.0, GATE=os.devnull).is_done
    assert one.ask("/wait").text == "new"
    assert one.ask("/").text == "new"


def test_requests_in_flight_end_where_they_began(host):
    gate = host.folder / "gate"
    os.mkfifo(gate)
    one = host.start_ready("one", app("old"), GATE=str(gate))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(one.ask("/wait").text))
    asking.start()
    one.says("old waits")
    assert host.renew("one", app("new"), GATE=str(gate)).is_done
    assert one.ask("/").text == "new"
    assert "old ends" not in one.output()
    with gate.open("w"):
        pass
    asking.join(20)
    assert answers == ["old"]
    one.says("old ends")


def test_modules_of_its_own_are_imported_anew_others_are_not(host):
    """What functions import counts; installed packages, and what a neighbour imports too, stay as they are."""
    (host.folder / "parts.py").write_text("NAME = 'old part'")
    (host.folder / "common.py").write_text("import itertools\nCOUNT = itertools.count(1)\nNUMBER = next(COUNT)")
    source = "import common\ndef text():\n    import parts\n    return f'{parts.NAME} {common.NUMBER} {id(common)}'\n"
    source += hello("''").partition("\n")[2]
    one = host.start_ready("one", source)
    host.start_ready("two", "import common\n" + hello("str(id(common))"))
    before = one.ask("/").text.split()
    (host.folder / "parts.py").write_text("NAME = 'new part'")
    told = host.renew("one", source)
    assert told.why == "2 modules of its own imported anew"
    after = one.ask("/").text.split()
    assert (before[0], after[0]) == ("old", "new")
    assert after[2:] == before[2:]
    assert host.components["two"].ask("/").text == after[-1]


def test_what_others_share_and_has_changed_needs_a_process(host):
    (host.folder / "common.py").write_text("X = 1")
    one = host.start_ready("one", "import common\n" + hello("'one'"))
    host.start_ready("two", "import common\n" + hello("'two'"))
    (host.folder / "common.py").write_text("X = 1234")
    told = host.renew("one", "import common\n" + hello("'new'"))
    assert told.needs_process
    assert told.why == f'{host.folder}/common.py has changed, which "two" has imported too'
    assert one.ask("/").text == "one"


CALLS = {
    "import_module": "importlib.import_module('pack.parts')",
    "a part of it": "import_module('.parts', 'pack')",
    "in its own package": "import_module('.parts', __package__)",
    "__import__": "__import__('pack.parts', fromlist=['parts'])",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_module_that_is_named_in_a_call_is_its_own_too(host, call):
    (host.folder / "pack").mkdir()
    (host.folder / "pack" / "parts.py").write_text("NAME = 'old part'")
    source = f"import importlib\nfrom importlib import import_module\nNAME = {call}.NAME\n"
    (host.folder / "pack" / "main.py").write_text(source)
    one = host.start_ready("one", "from pack.main import NAME\n" + hello("NAME"))
    (host.folder / "pack" / "parts.py").write_text("NAME = 'new part'")
    told = host.renew("one", "from pack.main import NAME\n" + hello("NAME"))
    assert (told.is_done, told.why) == (True, "3 modules of its own imported anew")
    assert one.ask("/").text == "new part"


def test_a_neighbours_module_that_is_named_in_a_call_is_not_its_own(host):
    (host.folder / "common.py").write_text("X = 1")
    one = host.start_ready("one", "import common\n" + hello("str(id(common))"))
    host.start_ready("two", "common = __import__('common')\n" + hello("str(id(common))"))
    assert host.renew("one", "import common\n" + hello("str(id(common))")).why == "1 module of its own imported anew"
    assert host.components["two"].ask("/").text == one.ask("/").text


#: Imports a module by a name that stands in no source.
BY_ANY_NAME = "import importlib\nplugin = importlib.import_module('plug' + 'in')\n"


def test_a_module_that_no_source_names_needs_a_process_when_it_has_changed(host):
    """Whether it is the component's or a neighbour's cannot be told; unchanged, it stays."""
    plugin = host.folder / "plugin.py"
    plugin.write_text("NAME = 'old'")
    one = host.start_ready("one", BY_ANY_NAME + hello("plugin.NAME"))
    assert host.renew("one", BY_ANY_NAME + hello("plugin.NAME + '!'")).is_done
    plugin.write_text("NAME = 'newer'")
    told = host.renew("one", BY_ANY_NAME + hello("plugin.NAME"))
    assert (told.why, told.needs_process) == (f"{plugin} has changed, and who imports it cannot be told", True)
    assert one.ask("/").text == "old!"


def test_a_module_that_no_source_names_and_that_uses_its_own_needs_a_process(host):
    """It would go on with the old ones."""
    plugin = host.folder / "plugin.py"
    plugin.write_text("from parts import Part")
    (host.folder / "parts.py").write_text("class Part: ...")
    source = "import parts\n" + BY_ANY_NAME + hello("str(plugin.Part is parts.Part)")
    one = host.start_ready("one", source)
    told = host.renew("one", source)
    assert (told.why, told.needs_process) == (f"{plugin} imports parts, and who imports that file cannot be told", True)
    assert one.ask("/").text == "True"


COUNTS_READS = (
    "import sys\n"
    "if not hasattr(sys, 'reads'):\n"
    "    sys.reads = []\n"
    "    sys.addaudithook(lambda event, about: sys.reads.append(str(about[0])) if event == 'open' else None)\n"
)


def test_the_source_of_what_has_not_changed_is_read_once(host):
    """To see what it imports, while its neighbours wait for the interpreter."""
    (host.folder / "plugin.py").write_text("import json")
    source = COUNTS_READS + BY_ANY_NAME + hello("str(sum(path.endswith('plugin.py') for path in sys.reads))")
    one = host.start_ready("one", source)
    assert host.renew("one", source).is_done
    reads = one.ask("/").text
    assert host.renew("one", source).is_done
    assert one.ask("/").text == reads


def test_what_was_imported_while_it_served_has_changed_if_it_did_so_since_the_process_began(host):
    """Of it there is no other mark to go by."""
    common = host.folder / "common.py"
    common.write_text("X = 1")
    source = "def text():\n    import common\n    return str(common.X)\n" + hello("").partition("\n")[2]
    one = host.start_ready("one", source)
    host.start_ready("two", source)
    told = host.renew("one", source)
    assert (told.why, told.needs_process) == (f'{common} has changed, which "two" has imported too', True)
    assert one.ask("/").text == "1"


def test_modules_of_one_that_has_gone_are_no_ones_reason(host):
    (host.folder / "parts.py").write_text("X = 1")
    host.start_ready("two", "import parts\n" + hello("'two'"))
    host.stop("two")
    host.ended("two")
    host.start_ready("one", hello("'one'"))
    (host.folder / "parts.py").write_text("X = 1234")
    assert host.renew("one", hello("'new'")).is_done


def test_two_changes_within_a_second_are_two(host):
    """Python tells files by the second and the size: what it has compiled is not trusted."""
    one = host.start_ready("one", app("aaa"))
    for text in ("bbb", "ccc", "ddd"):
        assert host.renew("one", app(text)).is_done
        assert one.ask("/").text == text


def test_sys_exit_in_a_task_of_the_old_one_is_not_the_new_ones_end(host):
    """Nor the other way round."""
    die = "app.task = asyncio.create_task(die())"
    source = "async def die():\n    await asyncio.Event().wait() if os.environ['STAY'] else os.sys.exit(5)\n"
    one = host.start_ready("one", app("old", stop="import sys; sys.exit(4)"), STAY="1")
    assert host.renew("one", app("new"), STAY="1").is_done
    one.says("old ends")
    assert one.ask("/").text == "new"
    assert host.renew("one", source + app("bad", start=die + "; await asyncio.sleep(9)"), STAY="").why.startswith(
        "it called sys.exit(5"
    )
    assert one.ask("/").text == "new"


def test_one_that_is_stopped_meanwhile_does_not_come_in(host):
    one = host.start_ready("one", app("old"))
    host.begin_renewal("one", app("new", start="print('hangs', flush=True); await asyncio.Event().wait()"))
    one.says("hangs")
    host.stop("one")
    assert host.ended("one").code == 0
    assert not host.renewal("one").is_done


MOST = 300
WEB_SOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def open_web_socket(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(WEB_SOCKET)
    stream = client.makefile("rb")
    assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
    while stream.readline() != b"\r\n":
        pass
    return client, stream


TELLS = "import os\n" + hello("os.environ['ME']")


def test_each_start_has_its_own_environment(host):
    """The old one's requests have theirs while the new one is imported and begins; each request that comes next too."""
    gate = host.folder / "gate"
    os.mkfifo(gate)
    one = host.start_ready("one", TELLS, ME="old")
    host.begin_renewal("one", f"print('begun')\nopen({str(gate)!r}).close()\n{TELLS}", ME="new")
    one.says("begun")
    assert one.ask("/").text == "old"
    with gate.open("w"):
        pass
    assert host.renewal("one").is_done
    assert one.ask("/").text == "new"
    host.stop("one")
    host.ended("one")
    host.start("one", TELLS, ME="third")
    while (answer := one.ask("/")).status == 503:
        pass
    assert answer.text == "third"


def test_what_the_old_one_has_set_stays_when_the_new_one_fails(host):
    source = "import os\n" + hello("os.environ.setdefault('SET', os.environ['ME'])")
    one = host.start_ready("one", source, ME="old")
    assert not host.renew("one", "import os\nos.environ['SET'] = 'new'\n1 / 0", ME="new").is_done
    assert one.ask("/").text == "old"


def test_hundreds_of_web_sockets_are_told_to_come_again(host):
    """Each is closed with 1012, service restart; whoever comes again comes to the new one."""
    pytest.importorskip("wsproto")
    source = app("old").replace(
        'if scope["path"] == "/wait":',
        'if scope["type"] == "websocket":\n        await receive()\n        await send({"type": "websocket.accept"})\n'
        '        while (await receive())["type"] != "websocket.disconnect": pass\n        return\n    '
        'if scope["path"] == "/wait":',
    )
    one = host.start_ready("one", source)
    clients = [open_web_socket(one.port) for _ in range(MOST)]
    assert host.renew("one", source.replace("old", "new")).is_done
    for client, stream in clients:
        assert stream.read(4) == b"\x88\x02" + (1012).to_bytes(2, "big")
        stream.close()
        client.close()
    one.says("old ends")
    assert one.ask("/").text == "new"
    client, stream = open_web_socket(one.port)
    stream.close()
    client.close()
