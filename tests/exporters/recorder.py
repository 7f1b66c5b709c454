"""A program that writes down how it was started, and then waits until it is asked to end.

`python recorder.py NAME WORD…` writes $RECORDS/NAME.json. Run as a file, by any manager; imports little.
"""

import json
import os
import signal
import sys

#: Of the environment, what managers put there themselves is no business of a comparison.
record = {
    "argv": sys.argv[2:],
    "env": dict(os.environ),
    "directory": os.getcwd(),
    "descriptors": sorted(
        int(entry) for entry in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{entry}")
    ),
}
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
place = os.path.join(os.environ["RECORDS"], sys.argv[1] + ".json")
with open(place + ".part", "w", encoding="ascii") as file:
    json.dump(record, file)
os.rename(place + ".part", place)
if "RECORD_ONLY" not in os.environ:
    while True:
        signal.pause()
