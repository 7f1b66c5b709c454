"""sd_notify: tells whoever started this process that it is ready. And which of his starts it is.

Knows the protocol of systemd's sd_notify(3): one datagram to the Unix socket named by $NOTIFY_SOCKET. Nobody listens
when the variable is not set.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(message: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send one message, such as `READY=1`; raises OSError when the socket named does not take it."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace: no file, a leading NUL instead
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.sendall(message.encode())


def generation(environ: Mapping[str, str] = os.environ) -> int:
    """Which start of a launcher's this process is; 0: of nobody's who says so."""
    told = environ.get("LAUNCHER_GENERATION", "")
    return int(told) if told.isdecimal() else 0
