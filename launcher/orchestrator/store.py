"""`state.json` on disk: written aside and renamed, set aside when it cannot be read. The only file the loop writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from launcher.files import PRIVATE, write_whole
from launcher.orchestrator.state import Memory, read


class FileStore:
    """Keeps the loop's memory in a file; a full disk is said once and then costs only the memory."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._has_complained = False

    def load(self) -> Memory | None:
        """What an earlier launcher left; a damaged or older file is renamed to `state.json.bad` and said."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._say(f"{self._path.name} cannot be read ({error.strerror}): starting without it")
            return None
        memory = read(text)
        if isinstance(memory, Memory):
            return memory
        spoilt = self._path.with_name(f"{self._path.name}.bad")
        self._path.replace(spoilt)
        self._say(f"{self._path.name} was set aside as {spoilt.name}: {memory}")
        return None

    def save(self, text: bytes) -> None:
        """Replace the file. It is not fsynced: after a crash of the machine nothing that it tells of runs any more."""
        try:
            write_whole(self._path, text, mode=PRIVATE)
        except OSError as error:
            if not self._has_complained:
                self._has_complained = True
                self._say(f"cannot write {self._path}: {error.strerror}; going on without it")
