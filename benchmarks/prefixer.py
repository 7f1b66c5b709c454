"""The reference: starts every line of a Procfile and prints their output with honcho's prefix, and nothing else.

No order, no gates, no restarts, no clean-up: what a Python program pays at least for this work.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

BATCH = 65536


def main(procfile: str) -> None:
    """Start all, then print until SIGTERM."""
    selector = selectors.DefaultSelector()
    processes = []
    commands = [line.split(": ", 1) for line in Path(procfile).read_text(encoding="utf-8").splitlines()]
    width = max(len(name) for name, _ in commands) + len(".1")
    for name, command in commands:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        processes.append(process)
        selector.register(process.stdout, selectors.EVENT_READ, [f"{name}.1".ljust(width), b""])

    def stop(*_: object) -> None:
        for process in processes:
            process.kill()
        os._exit(143)

    signal.signal(signal.SIGTERM, stop)
    while selector.get_map():
        for key, _ in selector.select():
            data = os.read(key.fd, BATCH)
            if not data:
                selector.unregister(key.fileobj)
                continue
            label, rest = key.data
            whole, newline, key.data[1] = (rest + data).rpartition(b"\n")
            if newline:
                prefix = f"{time.strftime('%H:%M:%S')} {label} | ".encode()
                os.write(1, prefix + whole.replace(b"\n", b"\n" + prefix) + b"\n")
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
