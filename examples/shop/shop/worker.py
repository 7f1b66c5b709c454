"""The worker: takes queued orders, packs them and ships them. No framework, one loop.

    python -m shop.worker

An order stays queued until it is shipped, so a worker that is killed while packing loses nothing: the next one packs
that order again.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
import sys

from shop.database import connect, database_path

#: Seconds between two looks at an empty queue.
IDLE = 0.25
#: Seconds that packing takes: long enough for the page to show an order on its way.
PACKING = float(os.environ.get("SHOP_PACKING_SECONDS", "1"))


class Stop:
    """SIGTERM and SIGINT, as something that can be waited for.

    Python writes a byte to the wake-up descriptor at each signal. A `threading.Event` set by a handler could deadlock:
    the handler runs in the thread that waits, perhaps while that holds the event's lock.
    """

    def __init__(self) -> None:
        self._asked, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def within(self, seconds: float) -> bool:
        """Wait; returns early, and true, once asked to stop."""
        return bool(select.select([self._asked], [], [], seconds)[0])


def work(database: sqlite3.Connection, stop: Stop) -> None:
    """Ship what is queued, oldest first, until asked to stop."""
    say("worker ready")
    pause = 0.0
    while not stop.within(pause):
        order = database.execute("SELECT * FROM orders WHERE status = 'queued' ORDER BY id LIMIT 1").fetchone()
        pause = IDLE if order is None else 0.0
        if order is None:
            continue
        say(f"order {order['id']}: packing {order['quantity']} {order['product']} for {order['customer']}")
        if stop.within(PACKING):
            break
        shipped = database.execute(
            "UPDATE orders SET status = 'shipped', shipped_at = strftime('%Y-%m-%d %H:%M:%f', 'now') "
            "WHERE id = ? AND status = 'queued'",
            [order["id"]],
        )
        if shipped.rowcount:  # none: another worker was faster
            say(f"order {order['id']}: shipped")
    say("worker stopped")


def say(line: str) -> None:
    """Print at once: into a pipe Python would hold lines back."""
    print(line, flush=True)  # noqa: T201  (its output is what a worker has to tell)


def main() -> int:
    """Work until asked to stop; 1 if the database cannot be used."""
    stop = Stop()
    try:
        database = connect()
        try:
            work(database, stop)
        finally:
            database.close()
    except sqlite3.Error as error:
        sys.stderr.write(f"{database_path()}: {error} (python -m shop.migrate makes it)\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
