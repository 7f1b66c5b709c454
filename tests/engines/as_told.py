"""Becomes what a file says: so may a program of supervisord, whose command is fixed, be another at each start."""

import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  (nothing is imported that need not be)
    told = json.load(file)
os.chdir(told["directory"])
argv = told["argv"] or ["/bin/sh", "-c", told["shell"]]
os.execvp(argv[0], argv)
