"""Imports without what they would bring along: that what stands in is out of the way, and becomes the real thing."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_nothing_stands_in_once_the_foundation_is_there():
    assert (
        run(
            "from launcher.cli.lean import import_foundation; import_foundation()\n"
            "import ipaddress, platform, textwrap, gettext, msgspec.inspect, sys\n"
            "print(platform.system() == {'linux': 'Linux', 'darwin': 'Darwin'}[sys.platform],\n"
            "      textwrap.dedent(' a'), gettext.gettext('b'), ipaddress.ip_address('::1'),\n"
            "      msgspec.inspect.type_info(int).__class__.__name__)"
        )
        == "True a b ::1 IntType"
    )


def test_who_holds_a_stand_in_finds_the_real_thing():
    assert (
        run(
            "import sys; spared = {'ipaddress', 'gettext', 'textwrap'} - set(sys.modules)\n"
            "from launcher.cli.lean import import_foundation; import_foundation()\n"
            "import urllib.parse, msgspec.json, argparse\n"
            "assert spared.isdisjoint(sys.modules), 'nothing was spared'\n"
            "print(urllib.parse.urlsplit('http://[::1]:80/').hostname, msgspec.json.schema(int)['type'],\n"
            "      argparse.ngettext('one', 'many', 2))"
        )
        == "::1 integer many"
    )
