"""No orphans: what ends the services when the launcher itself was killed with -9.

A shell, in a session of its own and not our child, that reads from a pipe which process groups there are. When the
pipe ends without a "bye" the launcher is dead, and the guard kills the groups it was told of, their sessions, every
process that carries the launcher's mark in its environment, and all their descendants, until none is found.

It is a shell because a forked Python keeps 3 MB of pages to itself as ours diverge, and this 0.2 MB; and it touches
no memory, thread or module of ours. Knows process ids and one mark; nothing of engines or services.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

from launcher.errors import SpawnFailed

#: $1 is the launcher's id. Standard input is dup'ed because `&` points it at /dev/null. The state of a process that
#: waits for its parent to reap it is Z, and it counts as gone. 100 rounds are at least 2 s, some 5 s on a full machine.
_SCRIPT = r"""
exec 3<&0
watch() {
    trap '' INT TERM HUP QUIT
    told=' '
    while read -r word; do
        case $word in
            +*) told="$told${word#+} " ;;
            -*) case $told in *" ${word#-} "*) told="${told%% ${word#-} *} ${told#* ${word#-} }" ;; esac ;;
            bye) return ;;
        esac
    done
    round=0
    while [ $round -lt 100 ] && find_doomed; do
        kill -KILL $doomed
        round=$((round + 1))
        sleep 0.02
    done
}
find_doomed() {
    doomed=' '
    if [ -r /proc/self/stat ]; then find_processes; else find_groups; fi
    [ "$doomed" != ' ' ]
}
find_groups() {
    for pid in $told; do
        kill -0 -$pid && doomed="$doomed-$pid "
    done
}
find_processes() {
    for file in $(grep -laF "$id:" /proc/[0-9]*/environ); do
        file=${file#/proc/}
        doomed="$doomed${file%/environ} "
    done
    table=
    for file in /proc/[0-9]*/stat; do
        read -r line < $file || continue
        set -- ${line##*) }
        case $1 in [RSDTtIWPK]) ;; *) continue ;; esac
        pid=${file#/proc/}
        pid=${pid%/stat}
        case $told in *" $3 "* | *" $4 "*) doom $pid ;; esac
        table="$table $pid:$2"
    done
    grown=yes
    while [ $grown ]; do
        grown=
        for row in $table; do
            case $doomed in *" ${row#*:} "*) doom ${row%:*} && grown=yes ;; esac
        done
    done
}
doom() {
    case $doomed in *" $1 "*) return 1 ;; esac
    doomed="$doomed$1 "
}
cd /
id=$1
watch <&3 3<&- &
"""


class Guard:
    """The launcher's end of the pipe. `id` is what the marks of its processes begin with."""

    def __init__(self, identity: str, pipe: int) -> None:
        self.id = identity
        self._pipe = pipe

    def watch(self, pid: int) -> None:
        """Take in a process that leads a group which must not outlive us."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """The group is gone; its number may become somebody else's."""
        self._tell(f"-{pid}\n")

    def dismiss(self) -> None:
        """Let the guard go without doing anything: what still runs is meant to."""
        self._tell("bye\n")
        os.close(self._pipe)
        self._pipe = -1

    def _tell(self, line: str) -> None:
        # Shorter than PIPE_BUF, so no line is ever torn. A guard that is gone, or doesn't read, is nothing to die of.
        with contextlib.suppress(OSError):
            os.write(self._pipe, line.encode())


def fork_guard() -> Guard:
    """Start the guard: before the launcher becomes a sub-reaper, and after its last own fork (`--detach`)."""
    identity = f"{os.getpid():x}-{time.time_ns():x}"
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        shell = subprocess.Popen(
            # The script goes through the environment so that `ps` shows a name and no page of shell.
            ["/bin/sh", "-c", 'eval "$SCRIPT"', "launcher-guard", identity],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SCRIPT": _SCRIPT},
            start_new_session=True,
        )
    except OSError as error:
        os.close(writing)
        raise SpawnFailed(f"cannot start the guard that leaves no orphans: {error.strerror}") from error
    finally:
        os.close(reading)
    shell.wait()
    return Guard(identity, writing)
