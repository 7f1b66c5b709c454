"""WsgiDAV over a folder; `MOUNT_PATH` is its own setting of the prefix it is under."""

import os
from pathlib import Path

from wsgidav.wsgidav_app import WsgiDAVApp


def create():
    root = Path(os.environ["DATA"]) / "dav"
    (root / "fruit").mkdir(parents=True, exist_ok=True)
    (root / "fruit" / "pear.txt").write_text("green")
    config = {
        "provider_mapping": {"/": str(root)},
        "simple_dc": {"user_mapping": {"*": True}},
        "mount_path": os.environ.get("MOUNT_PATH"),
        "verbose": 1,
    }
    return WsgiDAVApp(config)
