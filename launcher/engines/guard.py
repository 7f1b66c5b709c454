"""No orphans: what ends the services when the launcher itself was killed with -9.

A shell, in a session of its own and not our child, that reads from a pipe which sessions there are. When the pipe
ends without a "bye" the launcher is dead, and the guard kills the sessions and groups it was told of, every process
that carries the launcher's mark in its environment or writes to a pipe that the launcher read, and all their
descendants, until none is found. Elsewhere than on Linux there is no /proc, and it kills the groups.

It is a shell because a forked Python keeps 3 MB of pages to itself as ours diverge, and this 0.2 MB; and it touches
no memory, thread or module of ours. Knows process ids and marks; nothing of engines or services.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

from launcher.engines.descent import MARK
from launcher.errors import SpawnFailed

#: $1 is the launcher's id; `told` has words `SESSION:PIPE`. Standard input is dup'ed because `&` points it at
#: /dev/null. A process that waits for its parent to reap it has state Z and counts as gone. 100 rounds take 2 s at
#: least, some 5 s on a full machine.
_SCRIPT = r"""
exec 3<&0
watch() {
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
    for word in $told; do
        kill -0 -${word%:*} && doomed="$doomed-${word%:*} "
    done
}
find_processes() {
    for file in $(grep -laF "$id:" /proc/[0-9]*/environ); do
        file=${file#/proc/}
        doomed="$doomed${file%/environ} "
    done
    for row in $(ls -l /proc/[0-9]*/fd/1 /proc/[0-9]*/fd/2 |
            sed -n 's,.* /proc/\([0-9]*\)/fd/[12] -> pipe:\[\([0-9]*\)\]$,\1:\2,p'); do
        case $told in *":${row#*:} "*) doom ${row%:*} ;; esac
    done
    table=
    for file in /proc/[0-9]*/stat; do
        read -r line < $file || continue
        set -- ${line##*) }
        case $1 in [RSDTtIWPK]) ;; *) continue ;; esac
        pid=${file#/proc/}
        pid=${pid%/stat}
        case $told in *" $3:"* | *" $4:"*) doom $pid ;; esac
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
trap '' INT TERM HUP QUIT
id=$1
watch <&3 3<&- &
"""


#: So many words, of at most 31 bytes, are shorter than PIPE_BUF everywhere (512).
_AT_ONCE = 16


class Guard:
    """The launcher's end of the pipe. `id` is what the marks of its processes begin with."""

    def __init__(self, identity: str, pipe: int, *, birth: subprocess.Popen[bytes] | None = None) -> None:
        self.id = identity
        self._pipe = pipe
        self._birth = birth

    def await_birth(self) -> None:
        """Wait until the guard is nobody's child: to be called before the launcher becomes a sub-reaper."""
        if self._birth is not None:
            self._birth.wait()
            self._birth = None

    @property
    def descriptor(self) -> int:
        """Our end of the pipe: a process that inherits it keeps the guard from acting for as long as it lives."""
        return self._pipe

    def let_go(self) -> None:
        """Close our end of the pipe: the guard watches over another process, which has it."""
        os.close(self._pipe)
        self._pipe = -1

    def watch(self, *sessions: tuple[int, int]) -> None:
        """Take in sessions that must not outlive us, each with the inode of the pipe it writes to, or 0."""
        for start in range(0, len(sessions), _AT_ONCE):
            self._tell("".join(f"+{session}:{pipe}\n" for session, pipe in sessions[start : start + _AT_ONCE]))

    def forget(self, session: int, pipe: int = 0) -> None:
        """Strike out what was taken in: it is gone, and its number may become somebody else's."""
        self._tell(f"-{session}:{pipe}\n")

    def dismiss(self) -> None:
        """Let the guard go without doing anything: what still runs is meant to."""
        self._tell("bye\n")
        self.let_go()

    def _tell(self, line: str) -> None:
        # Shorter than PIPE_BUF, so no line is ever torn. A guard that is gone, or doesn't read, is nothing to die of.
        with contextlib.suppress(OSError):
            os.write(self._pipe, line.encode())


def fork_guard() -> Guard:
    """Start the guard, after the launcher's last own fork (`--detach`).

    It takes 3 ms to come into being, in which the caller may do something else before `await_birth`.
    """
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
            # A mark of its own, so that a launcher around this one doesn't take it for a daemon of the service we are.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SCRIPT": _SCRIPT, MARK: "guard"},
            start_new_session=True,
        )
    except OSError as error:
        os.close(writing)
        raise SpawnFailed(f"cannot start the guard that leaves no orphans: {error.strerror}") from error
    finally:
        os.close(reading)
    return Guard(identity, writing, birth=shell)
