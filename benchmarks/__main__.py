"""`python -m benchmarks NAME…` measures; without a name it lists what there is."""

from __future__ import annotations

import argparse
import compileall
import importlib
import sys

from benchmarks.harness import CannotMeasure
from benchmarks.services import HERE, service_command

#: What each name measures: modules of this package.
BENCHMARKS = {
    "startup": ("startup",),
    "gate": ("gate",),
    "launch": ("launch", "memory"),
    "memory": ("memory",),
    "logs": ("logs",),
    "monitor": ("monitor", "api"),
    "restart": ("restart",),
    "stop": ("stop", "kill9"),
    "kill9": ("kill9",),
    "cli": ("cli",),
    "procfile": ("procfile",),
    "api": ("api",),
    "supervisord": ("supervisord",),
    "modes": ("modes", "request", "swap"),
    "request": ("request",),
}


def summary(name: str) -> str:
    """The first line of each module's docstring."""
    modules = [importlib.import_module(f"benchmarks.{module}") for module in BENCHMARKS[name]]
    return "; ".join((module.__doc__ or "").splitlines()[0].partition(": ")[2].rstrip(".") for module in modules)


def main() -> int:
    """Measure what is named; 1 if something could not be measured. A target missed is told, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *BENCHMARKS], help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer and smaller repetitions")
    asked = parser.parse_args()
    if not asked.names:
        for name in BENCHMARKS:
            print(f"{name:11}  {summary(name)}")
        return 0
    if sys.platform != "linux":
        print("the benchmarks read /proc: they run on Linux", file=sys.stderr)
        return 1
    # An installed package is byte-compiled; a working copy need not be, and would be compiled at each start.
    compileall.compile_dir(HERE.parent / "launcher", quiet=1)
    print(f"services: {service_command()[-1]}; Python {sys.version.split()[0]}")
    status = 0
    for module in dict.fromkeys(module for name in asked.names for module in BENCHMARKS[name]):
        try:
            importlib.import_module(f"benchmarks.{module}").main(quick=asked.quick)
        except CannotMeasure as problem:
            print(f"\n{module}: cannot measure: {problem}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
