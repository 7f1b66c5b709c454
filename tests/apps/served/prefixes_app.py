"""Several of these under prefixes of one port, each with its own lifespan.

`MOUNTS` has words like "/x=restx_app:app", or "/x=strip=datasette_app:create()" for the prefix to be taken off.
"""

import os

from launcher.host.gate import Gate
from launcher.host.lifespan import Lifespan
from launcher.host.mounts import Mount, Mounts
from launcher.host.target import load_app, parse_target

lifespans = {}
mounted = []
for word in os.environ["MOUNTS"].split():
    prefix, *strip, target = word.split("=")
    loaded, is_wsgi = load_app(parse_target(target))
    gate = Gate(prefix)
    gate.open(loaded, {})
    mounted.append(Mount(prefix, gate, strip=bool(strip)))
    if not is_wsgi:
        lifespans[gate] = (loaded, Lifespan(loaded))
mounts = Mounts(mounted)


async def app(scope, receive, send):
    if scope["type"] != "lifespan":
        await mounts(scope, receive, send)
        return
    await receive()
    for gate, (loaded, lifespan) in lifespans.items():
        await lifespan.start()
        gate.open(loaded, lifespan.state)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for _, lifespan in lifespans.values():
        await lifespan.stop(5)
    await send({"type": "lifespan.shutdown.complete"})
