"""Unit files as systemd reads them: by our own reading of systemd.syntax(7), and by systemd itself.

`words`, `substituted` are written from the manual, so that a record can be made where no systemd runs. `SystemdItself`
asks the real parser: `systemd --test` loads units, prints what it understood and starts nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}


def keys(text: str, section: str) -> list[tuple[str, str]]:
    """The assignments of one section, in order."""
    found = []
    inside = False
    for line in text.split("\n"):
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found.append((key, value))
    return found


def words(text: str) -> list[str]:
    """A command line or list of assignments, unquoted; specifiers and variables are as they were."""
    return list(_words(text))


def _words(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        data, quote = bytearray(), ""
        while at < len(text) and (quote or text[at] not in " \t"):
            letter = text[at]
            at += 1
            if letter == quote:
                quote = ""
            elif letter in "'\"" and not quote:
                quote = letter
            elif letter == "\\":
                escape = text[at]
                if escape == "x":
                    data.append(int(text[at + 1 : at + 3], 16))
                    at += 3
                elif escape in "01234567":
                    data.append(int(text[at : at + 3], 8))
                    at += 3
                else:
                    data += _ESCAPES.get(escape, escape).encode()
                    at += 1
            else:
                data += letter.encode()
        assert not quote, f"a quote stays open: {text}"
        yield data.decode()


def unspecified(text: str) -> str:
    """`%%` as `%`; any other specifier would be something that no profile says."""
    assert re.fullmatch(r"(?:[^%]|%%)*", text, re.DOTALL), text
    return text.replace("%%", "%")


def substituted(word: str) -> str:
    """`$$` as `$`; any other dollar would be a variable."""
    assert re.fullmatch(r"(?:[^$]|\$\$|\$MAINPID)*", word, re.DOTALL), word
    return word.replace("$$", "$")


class SystemdItself:
    """systemd's own parser, over a folder of units."""

    def __init__(self, folder: Path, target: str) -> None:
        # It refuses to test as root; nobody has to be able to read the units.
        place = Path(tempfile.mkdtemp(prefix="units-"))
        try:
            (run := place / "run").mkdir()
            for unit in folder.iterdir():
                shutil.copy(unit, place)
            place.chmod(0o755)
            run.chmod(0o777)
            argv = [str(SYSTEMD), "--test", "--user", f"--unit={target}"]
            if os.geteuid() == 0:
                argv = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *argv]
            done = subprocess.run(
                argv,
                env={
                    "XDG_RUNTIME_DIR": str(run),
                    "SYSTEMD_UNIT_PATH": f"{place}:",
                    "HOME": str(run),
                    "PATH": "/usr/bin:/bin",
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
            self.text = done.stdout.decode("utf-8", "surrogateescape")
            self.complaints = done.stderr.decode(errors="replace")
        finally:
            shutil.rmtree(place)

    def unit(self, name: str) -> str:
        """What it understood of one unit."""
        _, found, rest = self.text.partition(f"\t-> Unit {name}:\n")
        assert found, f"{name} was not loaded: {self.complaints[-2000:]}"
        return rest.partition("\t-> Unit ")[0]

    def command(self, name: str) -> list[str]:
        """The words of ExecStart=, with variables as they stand in the file."""
        found = re.search(r"-> ExecStart:\n\s*Command Line: (.*)\n", self.unit(name))
        assert found, self.unit(name)
        return words(found[1])


def is_there() -> bool:
    """Whether this machine has systemd's parser, and a way not to be root."""
    return SYSTEMD.exists() and bool(shutil.which("systemd-analyze"))
