"""service.c for machines without a C compiler: the same modes and stamps, some 10 ms dearer to start.

Run as a path by `python -I -S`; knows nothing of the benchmarks.
"""

import os
import signal
import sys
import time


def stamp(event: str) -> None:
    """Append one line to the stamps: the event, the name, the process and CLOCK_MONOTONIC in nanoseconds."""
    os.write(stamps, f"{event} {name} {os.getpid()} {time.monotonic_ns()}\n".encode())


def serve(port: int) -> None:
    """Answer every connection with 200."""
    import socket  # noqa: PLC0415  (the other modes start without it)

    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    stamp("listening")
    while True:
        peer, _ = listener.accept()
        with peer:
            if peer.recv(8192):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def print_lines(count: int) -> None:
    """Print numbered lines of 80 bytes in blocks of 4 KiB."""
    with open(1, "wb", buffering=4096, closefd=False) as out:
        out.writelines(f"{name} {number:07} ".encode().ljust(79, b".") + b"\n" for number in range(1, count + 1))


def leave_a_daemon() -> None:
    """Fork a process into a session of its own; return in it, and in the service."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        stamp("daemon")


if __name__ == "__main__":
    _, path, name, mode, *rest = sys.argv
    stamps = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    stamp("start")
    if rest:
        time.sleep(float(rest[0]))
    if mode == "ready":
        stamp("ready")
        os.write(1, b"ready\n")
    elif mode == "listen":
        serve(int(rest[1]))
    elif mode == "crash":
        stamp("crash")
        sys.exit(1)
    elif mode == "lines":
        stamp("printing")
        print_lines(int(rest[1]))
        stamp("printed")
    elif mode == "daemon":
        leave_a_daemon()
    while True:
        signal.pause()
