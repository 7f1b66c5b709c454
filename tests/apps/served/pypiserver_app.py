"""pypiserver over a folder with one package; anybody may upload."""

import os
from pathlib import Path

import pypiserver


def create():
    root = Path(os.environ["DATA"]) / "packages"
    root.mkdir(exist_ok=True)
    (root / "pear-1.0.tar.gz").write_bytes(b"a package")
    return pypiserver.app(roots=[root], disable_fallback=True, authenticate=[], password_file=".")
