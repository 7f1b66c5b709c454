"""What a process of many components says before it ends by what nothing can contain, so that who did it is known.

A crash of C code prints where each thread was; `os._exit` names the component that calls it; at the deadline, what has
not ended is listed. All of it goes to the process's own standard error, past Python's streams.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

from .current import component, entered
from .where import place, place_of_thread

if TYPE_CHECKING:
    from .blame import Blame

#: The exit code where something did not end in time.
CUT_OFF = 1
#: How many threads are listed at most.
LISTED = 5


def install(blame: Blame) -> None:
    """Have a crash and an `os._exit` told; the latter for the next process, too."""
    faulthandler.enable(file=2)
    process, end = os.getpid(), os._exit

    @wraps(end)
    def told(status: int) -> NoReturn:
        name = component.get()
        if name is not None and os.getpid() == process:  # a fork of ours ends itself alone
            caller = place(sys._getframe(1))  # noqa: SLF001  (what `inspect` uses, without reading source)
            say(f'"{name}" called os._exit({status}), in {caller}: all that runs in this process ends with it')
            blame.settle(name, f"when it called os._exit({status})")
        end(status)

    os._exit = told


def cut_off(importing: str, where: str) -> NoReturn:
    """End the process, whatever goes on in it, and say what that is: an import, and where it is, or threads."""
    say("not everything has ended in time: ending without it")
    if importing:
        say(f'  the import of "{importing}" is in {where}')
    threads = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    for thread in threads[:LISTED]:
        say(f'  thread "{thread.name}" is in {place_of_thread(thread.ident)}')
    if len(threads) > LISTED:
        say(f"  and {len(threads) - LISTED} more")
    with entered(None):
        os._exit(CUT_OFF)


def say(line: str) -> None:
    """Write to the process's own standard error, whosever code this is."""
    os.write(2, f"{line}\n".encode("utf-8", "backslashreplace"))
