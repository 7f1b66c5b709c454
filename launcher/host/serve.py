"""Serve one app, run as a path by the app's own Python: `python /…/host/serve.py shop.api:app --directory DIR …`.

That Python has uvicorn but need not have launcher, so nothing in this folder imports anything of launcher outside it.
Python puts the folder of a script first on `sys.path`, where our `target.py` would be taken for an app's module of the
same name. So the folder leaves the path here, and is imported as a package under a name that no app has.
`--examine` as the first word imports the app and tells its routes instead.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [folder for folder in sys.path if folder != here]
    host = ModuleType("launcher_host")
    host.__path__ = [here]
    sys.modules[host.__name__] = host
    does = "examine" if sys.argv[1:2] == ["--examine"] else "command"
    sys.exit(import_module(f"launcher_host.{does}").main())
