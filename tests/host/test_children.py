"""A child process has the variables of the component that starts it, whichever way it is started."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from multiprocessing import forkserver, resource_tracker

import psutil
import pytest

from launcher.host import environment
from launcher.host.current import entered
from tests.host.components import NAME, OWN, in_both, seen


def told_by_child(run):
    """What a shell says whose output `run` returns."""
    return run(f'printf %s "${NAME}"')


def by_subprocess(command):
    return subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=True, text=True).stdout


def by_subprocess_from_a_thread(command):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(by_subprocess, command).result()


def by_posix_spawn_of_subprocess(command):
    done = subprocess.run(["/bin/sh", "-c", command], close_fds=False, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def by_popen(command):
    with os.popen(command) as output:
        return output.read()


def into_a_pipe(start):
    """What a child writes to its descriptor 1, which `start` lets it inherit."""
    reading, writing = os.pipe()
    kept = os.dup(1)
    try:
        os.dup2(writing, 1)
        os.close(writing)
        start()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    with os.fdopen(reading, encoding="utf-8") as output:
        return output.read()


def by_system(command):
    return into_a_pipe(lambda: os.system(command))


def by_spawnv(command):
    return into_a_pipe(lambda: os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", command]))


def by_spawnlp(command):
    return into_a_pipe(lambda: os.spawnlp(os.P_WAIT, "sh", "sh", "-c", command))


def by_posix_spawn(command):
    return into_a_pipe(lambda: os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ), 0))


def by_posix_spawnp_without(command):
    return into_a_pipe(lambda: os.waitpid(os.posix_spawnp("sh", ["sh", "-c", command], None), 0))


def by_fork_and_exec(command):
    def start():
        child = os.fork()
        if not child:
            os.execlp("sh", "sh", "-c", command)
        os.waitpid(child, 0)

    return into_a_pipe(start)


def by_asyncio_exec(command):
    async def main():
        child = await asyncio.create_subprocess_exec("/bin/sh", "-c", command, stdout=subprocess.PIPE)
        return (await child.communicate())[0].decode()

    return asyncio.run(main())


def by_asyncio_shell(command):
    async def main():
        child = await asyncio.create_subprocess_shell(command, stdout=subprocess.PIPE)
        return (await child.communicate())[0].decode()

    return asyncio.run(main())


def by_uvloop(command):
    import uvloop  # noqa: PLC0415  (it may not be there)

    async def main():
        child = await asyncio.create_subprocess_exec("/bin/sh", "-c", command, stdout=subprocess.PIPE)
        return (await child.communicate())[0].decode()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


WAYS_TO_START = {
    "subprocess": by_subprocess,
    "subprocess in a thread": by_subprocess_from_a_thread,
    "subprocess by posix_spawn": by_posix_spawn_of_subprocess,
    "popen": by_popen,
    "system": by_system,
    "spawnv": by_spawnv,
    "spawnlp": by_spawnlp,
    "posix_spawn": by_posix_spawn,
    "posix_spawnp without": pytest.param(
        by_posix_spawnp_without, marks=pytest.mark.skipif(sys.version_info < (3, 13), reason="takes None since 3.13")
    ),
    "fork and exec": by_fork_and_exec,
    "asyncio, exec": by_asyncio_exec,
    "asyncio, shell": by_asyncio_shell,
    "uvloop": pytest.param(by_uvloop, marks=pytest.mark.skipif(not find_spec("uvloop"), reason="no uvloop here")),
}


@pytest.mark.parametrize("start", WAYS_TO_START.values(), ids=WAYS_TO_START)
def test_a_child_has_its_components_variables(two, start):
    assert in_both(lambda: told_by_child(start)) == OWN


def test_a_child_has_no_variable_that_its_component_lacks(two, monkeypatch):
    monkeypatch.setenv("LAUNCHER_TEST_OF_THE_PROCESS", "1")
    ask = "printf %s ${LAUNCHER_TEST_OF_THE_PROCESS-none}"
    assert in_both(lambda: by_subprocess(ask)) == ["none", "none", "1"]


def test_putenv_changes_what_children_have_and_not_what_is_seen(two):
    """As it is for a process."""
    with entered("red"):
        os.putenv(NAME, "put")
        assert (seen(), told_by_child(by_subprocess)) == ("red", "put")
        os.unsetenv(NAME)
        assert (seen(), told_by_child(by_subprocess)) == ("red", "")
        del os.environ[NAME]
        os.environ[NAME] = "set"
        assert (seen(), told_by_child(by_subprocess)) == ("set", "set")
    assert told_by_child(by_subprocess) == "of the process"


def test_an_environment_that_is_given_is_taken_as_it_is(two):
    with entered("red"):
        done = subprocess.run(["/usr/bin/env"], env={"ONLY": "this"}, stdout=subprocess.PIPE, check=True)
        assert done.stdout == b"ONLY=this\n"


def test_the_command_is_searched_on_the_components_path(two, tmp_path):
    tool = tmp_path / "launcher-test-tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    environment.give("red", {"PATH": f"{tmp_path}:{os.defpath}"})
    with entered("red"):
        assert subprocess.run([tool.name], stdout=subprocess.PIPE, check=True).stdout == b"found\n"
    with entered("blue"), pytest.raises(FileNotFoundError):
        subprocess.run([tool.name], check=True)


def test_the_code_of_system_is_that_of_the_command(two):
    with entered("red"):
        assert os.waitstatus_to_exitcode(os.system("exit 7")) == 7


def tell(pipe):
    pipe.send((os.environ.get(NAME), os.getppid()))


def by_multiprocessing(method):
    """What a process of multiprocessing sees, and which process is its parent."""
    context = multiprocessing.get_context(method)
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=tell, args=(writing,))
    process.start()
    answer = reading.recv()
    process.join()
    return answer


@pytest.fixture
def no_server_left():
    """What "spawn" and "forkserver" start for the process would outlive the test."""
    yield
    forkserver._forkserver._stop()
    resource_tracker._resource_tracker._stop()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_of_multiprocessing_has_its_components_variables(no_server_left, two, method):
    assert in_both(lambda: by_multiprocessing(method)[0]) == OWN


@pytest.mark.slow
def test_a_fork_server_is_kept_and_ends_with_the_variables_it_was_started_for(no_server_left, two, eventually):
    with entered("red"):
        (_, server), again = by_multiprocessing("forkserver"), by_multiprocessing("forkserver")
        assert again == ("red", server)
        environment.give("red", {NAME: "rouge"})
        seen, other = by_multiprocessing("forkserver")
    assert (seen, other == server) == ("rouge", False)
    eventually(lambda: not psutil.pid_exists(server))
    environment.forget("red")
    eventually(lambda: not psutil.pid_exists(other))
