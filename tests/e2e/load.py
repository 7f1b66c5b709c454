"""Clients that go on asking while something is done to what answers them, and what they were answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter


def ask(connection, path="/"):
    """One request; the status and the body."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


class Load:
    """Clients that ask on kept connections, some hundred times a second; one closed while idle is opened again."""

    def __init__(self, port, path="/"):
        self.port = port
        self.path = path
        self.answers = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        is_kept = False
        while not self._over.wait(0.005):
            try:
                answer = ask(connection, self.path)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                connection.close()
                answer = ("closed while idle",) if is_kept else ("failed",)
                is_kept = False
                self.answers[answer] += 1
                continue
            except OSError as error:
                answer = (type(error).__name__,)
                connection.close()
            is_kept = True
            self.answers[answer] += 1
        connection.close()

    def heard(self, answer):
        """Wait until this answer has been given."""
        deadline = time.monotonic() + 30
        while not self.answers[answer]:
            assert time.monotonic() < deadline, self.answers
            self._over.wait(0.01)
