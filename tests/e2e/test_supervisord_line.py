"""What programs get of agent and plugin at each start, and what comes back: sockets, variables, READY, output."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from xmlrpc.client import Fault, ServerProxy

import pytest
from supervisor.xmlrpc import SupervisorTransport

from tests.e2e.project import eventually, refuses

pytestmark = pytest.mark.slow

#: Serves one word to each connection, on the socket that is handed over.
WORD = """
import os, socket
assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDNAMES"] == "web"
with socket.socket(fileno=3) as listener:
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"word")
        connection.close()
"""
READY = """
import os, signal, socket, time
time.sleep(0.3)
open("told", "w").close()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"READY=1\\nSTATUS=warm", os.environ["NOTIFY_SOCKET"])
signal.pause()
"""
APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
    return found


class Callers:
    """Threads that call a port until they are told to stop, and count who did not answer."""

    def __init__(self, port: int, threads: int = 4) -> None:
        self.refused = self.answered = 0
        self._port = port
        self._stops = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        while not self._stops.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
                    if connection.recv(4):
                        self.answered += 1
            except ConnectionRefusedError:
                self.refused += 1
            except ConnectionResetError:
                pass  # it was being answered when its server was killed

    def stop(self) -> None:
        self._stops.set()
        for thread in self._threads:
            thread.join()


def test_a_held_socket_refuses_nobody_through_restarts_and_crashes_of_service_and_agent(server, project, port):
    """From the first start to the stop; then it is closed."""
    project.file("word.py", WORD)
    project.profile(
        f'[services.web]\ncommand = ["python3", "word.py"]\nport = {port}\nsocket = true\n'
        "restart = { delay = 0.02, burst = 100 }\n"
    )
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    callers = Callers(port)
    try:
        for _ in range(3):
            assert project.run("restart", "web", "--run-dir", str(server.run_folder)).returncode == 0
        pid = server.pid("web")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: server.pid("web") not in (0, pid))
        agent = server.pid("launcher")
        os.kill(agent, signal.SIGKILL)
        eventually(lambda: server.states() == {"web": "ready"})
        assert project.run("restart", "web", "--run-dir", str(server.run_folder)).returncode == 0
        before = callers.answered
        eventually(lambda: callers.answered > before + 10)
    finally:
        callers.stop()
    assert callers.refused == 0
    assert server.ctl("stop", "web").returncode == 0
    eventually(lambda: refuses(port))


def answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read() == b"hello"
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def test_an_app_is_served_on_its_held_socket_and_reports_itself(server, project, port):
    """And an operator may start it: it then binds its port itself."""
    project.file("hello.py", APP)
    project.profile(f'[services.web]\napp = "hello:app"\nport = {port}\n')
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    assert answers(port)
    assert server.ctl("stop", "web").returncode == 0
    eventually(lambda: refuses(port))
    assert server.ctl("start", "web").returncode == 0
    eventually(lambda: answers(port))


def test_ready_is_heard_and_waited_for(server, project):
    project.file("ready.py", READY)
    project.profile(
        '[services.db]\ncommand = ["python3", "ready.py"]\nhealth = { notify = true }\n'
        '[services.api]\ncommand = "test -e told && exec sleep 600"\ndepends_on = ["db"]\n'
        'restart = "no"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready"})


def test_env_files_are_read_at_each_start_and_secrets_stay_out_of_the_export(server, project):
    project.file(".env", "COLOUR=red\nAPI_TOKEN=hush-hush\n")
    project.profile(
        '[launcher]\nenv_file = [".env"]\n'
        '[services.web]\ncommand = "echo colour $COLOUR token ${#API_TOKEN}; exec sleep 600"\n'
    )
    server.start()
    out = server.run_folder / "logs" / "web.out"
    eventually(lambda: out.exists() and "colour red token 9" in out.read_text())
    project.file(".env", "COLOUR=blue\nAPI_TOKEN=hush-hush\n")
    assert project.run("restart", "web", "--run-dir", str(server.run_folder)).returncode == 0
    eventually(lambda: "colour blue" in out.read_text())
    for file in (project.root / "deploy").iterdir():
        assert "hush-hush" not in file.read_text()


def test_limits_and_stop_commands(server, project):
    project.profile(
        "[services.web]\ncommand = \"ulimit -n; trap 'echo no' TERM; while :; do read line <fifo && exit 0; done\"\n"
        'limits = { open_files = 77 }\nstop = { command = "echo >fifo" }\n'
    )
    os.mkfifo(project.root / "fifo")
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    out = server.run_folder / "logs" / "web.out"
    eventually(lambda: out.read_text() == "77\n")
    stopped = project.run("stop", "web", "--run-dir", str(server.run_folder))
    assert stopped.returncode == 0, stopped.stderr
    assert out.read_text() == "77\n"


def test_what_programs_print_is_in_launcher_logs_whatever_its_letters(server, project):
    project.file("text", "grüße, 世界\n" * 2000)
    project.profile('[services.web]\ncommand = "cat text; echo last; exec sleep 600"\n')
    server.start()
    eventually(lambda: "last" in logs(server, project, "-n", "1"))
    assert logs(server, project, "-n", "3000").count("grüße, 世界\n") == 2000


def logs(server, project, *flags: str) -> str:
    return project.run("logs", "web", "--run-dir", str(server.run_folder), *flags).stdout


@contextmanager
def rpc(server) -> Iterator[ServerProxy]:
    transport = SupervisorTransport(serverurl=f"unix://{server.run_folder}/supervisor.sock")
    yield ServerProxy("http://supervisord", transport=transport)
    transport.close()


def test_xml_rpc_answers_from_what_the_agent_last_told(up):
    with rpc(up) as proxy:
        asks(up, proxy)


def asks(up, proxy: ServerProxy) -> None:
    status = proxy.launcher.status()
    assert status["instances"]["api.1"]["state"] == "ready"
    assert status["age"] >= 0
    assert proxy.launcher.waitFor("worker", 5) == "ready"
    assert up.ctl("stop", "db").returncode == 0
    eventually(lambda: proxy.launcher.status()["instances"]["db.1"]["state"] == "stopped")
    assert proxy.launcher.why("db")[0] == "db is stopped: operator, with supervisorctl; killed by SIGTERM"
    with pytest.raises(Fault, match="db is stopped"):
        proxy.launcher.waitFor("db", 5)
    with pytest.raises(Fault, match="BAD_NAME: nobody"):
        proxy.launcher.why("nobody")


def test_waiting_over_xml_rpc_ends_when_the_service_is_ready(server, project):
    project.profile(
        '[services.db]\ncommand = "sleep 1; touch serving; exec sleep 600"\nhealth = { exec = "test -e serving" }\n'
    )
    server.start()
    eventually((server.run_folder / "supervisor.sock").exists)
    with rpc(server) as proxy:
        eventually(lambda: proxy.launcher.status()["instances"])
        assert proxy.launcher.waitFor("db", 20) == "ready"
