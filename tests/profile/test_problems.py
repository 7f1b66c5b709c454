"""What a profile can have wrong, and what is then said: code, file and line, key, nearest name."""

# ruff: noqa: E501  (a case is a line)

from __future__ import annotations

import pytest

from launcher.errors import ProblemsFound
from tests.profile.loading import loaded, problems

#: What is wrong -> text, what is told in order: code, line, words.
CASES = {
    "unknown table": ("[sevices.a]", ["1004 :1: sevices: unknown key, did you mean `services`?"]),
    "unknown key": ("[services.a]\ncommand = 'x'\nprot = 1", ["1004 :3: services.a.prot: unknown key, did you mean `port`?"]),
    "unknown key of an inner table": (
        "[services.a]\ncommand = 'x'\nhealth = { exec = 'y', intervall = 1 }",
        ["1004 :3: services.a.health.intervall: unknown key, did you mean `interval`?"],
    ),
    "unknown key, far from any": ("[launcher]\nqqq = 1", ["1004 :2: launcher.qqq: unknown key"]),
    "a misspelt command is one problem": ("[services.a]\ncomand = 'x'", ["1004 :2: services.a.comand: unknown key, did you mean `command`?"]),
    "a table for a text": ("[services.a.command]\nx = 1", ["1005 :1: services.a.command: expected a text or a list of texts, got a table"]),
    "a text for a table": ("[services.a]\ncommand = 'x'\nstop = 'INT'", ['1005 :3: services.a.stop: expected a table, got "INT"']),
    "a number for a service": ("[services]\na = 1", ["1005 :2: services.a: expected a table, got 1"]),
    "a number for services": ("services = 1", ["1005 :1: services: expected a table, got 1"]),
    "a text for a number": (
        "[services.a]\ncommand = 'x'\nreplicas = 'two'",
        ['1005 :3: services.a.replicas: expected a whole number, got "two"'],
    ),
    "out of range": ("[services.a]\ncommand = 'x'\nreplicas = 0", ["1005 :3: services.a.replicas: must be at least 1, got 0"]),
    "an item of a list": (
        "[services.a]\ncommand = [\n  'x',\n  5,\n]",
        ["1005 :4: services.a.command[1]: expected a text, got 5"],
    ),
    "a word of a list of words": (
        "[services.a]\ncommand = 'x'\nkind = 'taks'",
        ['1005 :3: services.a.kind: expected one of "service", "task", got "taks", did you mean `task`?'],
    ),
    "a shorthand's word": (
        "[services.a]\ncommand = 'x'\nrestart = 'alway'",
        ['1005 :3: services.a.restart: expected one of "no", "on-failure", "always", got "alway", did you mean `always`?'],
    ),
    "no duration": ("[services.a]\ncommand = 'x'\nready_timeout = '5x'", ['1005 :3: services.a.ready_timeout: expected a duration, got "5x"']),
    "a check in no time": ("[services.a]\ncommand = 'x'\nhealth = { log = 'x', timeout = 0 }", ["1005 :3: services.a.health.timeout: must be more than 0, got 0"]),
    "checks without pause": (
        "[services.a]\ncommand = 'x'\nhealth.exec = 'x'\nhealth.interval = '0s'\nhealth.start_interval = 0.0",
        ["1005 :4: services.a.health.interval: must be more than 0, got 0s", "1005 :5: services.a.health.start_interval: must be more than 0, got 0.0"],
    ),
    "no size": ("[services.a]\ncommand = 'x'\nlimits.memory = 'lots'", ['1005 :3: services.a.limits.memory: expected a size, got "lots"']),
    "a date": ("[services.a]\ncommand = 'x'\nport = 1979-05-27", ['1005 :3: services.a.port: expected a whole number or "auto", got a date or time']),
    "a secret is not shown": ("[services.a]\ncommand = 'x'\nenv = { T_TOKEN = ['s3'] }", ["1005 :3: services.a.env.T_TOKEN: expected a text, got a list"]),
    "a fault of [defaults] is told once": (
        "[defaults]\nreplicas = 0\n[services.a]\ncommand = 'x'\n[services.b]\ncommand = 'x'",
        ["1005 :2: defaults.replicas: must be at least 1, got 0"],
    ),
    "a prefix that is none": ("[services.a]\napp = 'a:b'\nprefix = 'api'", ['1005 :3: services.a.prefix: "api" does not begin with a slash']),
    "a prefix of a command": (
        "[services.a]\ncommand = 'x'\nprefix = '/x'\nstrip_prefix = true",
        [
            "1009 :3: services.a.prefix: is for an `app` only, and this service has none",
            "1009 :4: services.a.strip_prefix: is for an `app` only, and this service has none",
        ],
    ),
    "nothing to strip": ("[services.a]\napp = 'a:b'\nstrip_prefix = true", ["1009 :3: services.a.strip_prefix: has no `prefix` to strip"]),
    "a later key": ("[services.a]\ncommand = 'x'\nwatch = ['a']", ["1006 :3: services.a.watch: not in this version (reloading when files change)"]),
    "a later key of [defaults]": ("[defaults]\nwatch = ['a']", ["1006 :2: defaults.watch: not in this version (reloading when files change)"]),
    "no address to listen on": ("[launcher.api]\nlisten = '9999'", ['1005 :2: launcher.api.listen: "9999" is no address to listen on']),
    "an API for all, without a token": (
        "[launcher.api]\nlisten = '0.0.0.0:9999'",
        ["1009 :2: launcher.api.listen: 0.0.0.0 is reached from other machines, so the API needs a `token`"],
    ),
    "an API of a name, without a token": (
        "[launcher.api]\nlisten = '127.example.org:9999'",
        ["1009 :2: launcher.api.listen: 127.example.org is reached from other machines, so the API needs a `token`"],
    ),
    "a token for no API": ("[launcher.api]\ntoken = 'x'", ["1009 :2: launcher.api.token: is for the API over TCP, and `listen` is not set"]),
    "hosts of no API": ("[launcher.api]\nhosts = ['x']", ["1009 :2: launcher.api.hosts: is for the API over TCP, and `listen` is not set"]),
    "a token of a service": (
        "[launcher.api]\nlisten = '127.0.0.1:9999'\ntoken = '${services.db.url}'",
        ["1008 :3: launcher.api.token: ${services.db.url}: only variables can stand here"],
    ),
    "a key of no API": ("[launcher.api]\nport = 1", ["1004 :2: launcher.api.port: unknown key"]),
    "a later value": ("[launcher]\nengine = 'kubernetes'", ['1006 :2: launcher.engine = "kubernetes": not in this version (running on Kubernetes)']),
    "no such placement": (
        "[services.a]\napp = 'a:b'\nplacement = 'forked:1'",
        ['1005 :3: services.a.placement: there is no placement "forked:1"'],
    ),
    "a command is not forked": (
        "[services.a]\ncommand = 'x'\nplacement = 'forked'",
        ["1009 :3: services.a.placement: is for an `app` only, and this service has none"],
    ),
    "limits in a shared process": (
        "[launcher]\nmode = 'single'\n[services.a]\napp = 'a:app'\nlimits.memory = '64MB'",
        ["7001 :5: services.a.limits: cannot be kept in a process that several services share"],
    ),
    "what Python reads when it starts": (
        "[launcher]\nmode = 'forked'\n[services.a]\napp = 'a:b'\nenv = { PYTHONPATH = 'lib', A = '1' }",
        ["7001 :5: services.a.env.PYTHONPATH: is read when a program starts, and a forked service finds its Python"],
    ),
    "neither app nor command": ("[services.a]\nport = 1", ["1009 :1: services.a: has neither `app` nor `command`"]),
    "both app and command": (
        "[services.a]\napp = 'a:b'\ncommand = 'x'",
        ["1009 :3: services.a.command: a service has `app` or `command`, not both"],
    ),
    "an empty command": ("[services.a]\ncommand = ' '", ["1005 :2: services.a.command: is empty"]),
    "an empty list": ("[services.a]\ncommand = []", ["1005 :2: services.a.command: is empty"]),
    "a NUL": ('[services.a]\ncommand = "a\\u0000"', ["1005 :2: services.a.command: holds a NUL character"]),
    "no app": ("[services.a]\napp = 'shop.api'", ['1005 :2: services.a.app: expected "module:name", got "shop.api"']),
    "a name with a dot": ('[services."a.b"]\ncommand = "x"', ['1005 :1: services."a.b": a service\'s name has letters']),
    "drain of a command": ("[services.a]\ncommand = 'x'\nstop = { drain = 1 }", ["1009 :3: services.a.stop.drain: is for an `app` only"]),
    "python of a command": ("[services.a]\ncommand = 'x'\npython = 'p'", ["1009 :3: services.a.python: is for an `app` only"]),
    "an app that is a task": ("[services.a]\napp = 'a:b'\nkind = 'task'", ["1009 :3: services.a.kind: an `app` is served without end"]),
    "an app without socket": ("[services.a]\napp = 'a:b'\nsocket = false", ["1009 :3: services.a.socket: the launcher always holds"]),
    "a socket without port": ("[services.a]\ncommand = 'x'\nsocket = true", ["1009 :3: services.a.socket: needs a `port`"]),
    "no port": ("[services.a]\ncommand = 'x'\nport = 0", ["1005 :3: services.a.port: 0 is no port"]),
    "replicas past the last port": ("[services.a]\ncommand = 'x'\nport = 65535\nreplicas = 2", ["1005 :3: services.a.port: 2 replicas"]),
    "no store": ("[launcher.history]\nstore = 'mysql://h'", ["1005 :2: launcher.history.store: is no address of a Redis"]),
    "a store of a service": (
        "[launcher.history]\nstore = 'redis://${services.db.address}'",
        ["1008 :2: launcher.history.store: ${services.db.address}: only variables can stand here"],
    ),
    "kept for no time": ("[launcher.history]\nkeep = 0", ["1005 :2: launcher.history.keep: must be more than 0, got 0"]),
    "notices to nobody": ("[launcher.notify]\ntimeout = 1", ["1009 :1: launcher.notify: needs exactly one of `command` and `url`"]),
    "notices to two": (
        "[launcher.notify]\ncommand = 'x'\nurl = 'https://h/'",
        ["1009 :1: launcher.notify: needs exactly one of `command` and `url`"],
    ),
    "notices to no URL": ("[launcher.notify]\nurl = 'hooks'", ["1005 :2: launcher.notify.url: is no URL"]),
    "notices of nothing": ("[launcher.notify]\ncommand = 'x'\non = []", ["1005 :3: launcher.notify.on: is empty"]),
    "notices of what never happens": (
        "[launcher.notify]\ncommand = 'x'\non = ['failed', 'redy']",
        ['1005 :3: launcher.notify.on[1]: expected one of starting, ready, unhealthy, backoff, stopping, stopped, completed, failed, skipped, circuit, recovered, got "redy", did you mean `ready`?'],
    ),
    "no range of ports": ("[launcher]\nports = '9-8'", ['1005 :2: launcher.ports: expected a range of ports, got "9-8"']),
    "unknown in select": (
        "[launcher]\nselect = ['apy']\n[services.api]\ncommand = 'x'",
        ["2003 :2: launcher.select: no service `apy`, did you mean `api`?"],
    ),
    "unknown dependency": (
        "[services.a]\ncommand = 'x'\ndepends_on = [\n  'cachee',\n]\n[services.cache]\ncommand = 'x'",
        ["2001 :4: services.a.depends_on[0]: no service `cachee`, did you mean `cache`?"],
    ),
    "self-dependency": ("[services.a]\ncommand = 'x'\ndepends_on = { a = 'started' }", ["2002 :3: services.a.depends_on.a: `a` depends on itself"]),
    "two checks": (
        "[services.a]\ncommand = 'x'\nhealth = { exec = 'x', log = 'y' }",
        ["1009 :3: services.a.health: exactly one of http, tcp, exec, log, notify; here are exec and log"],
    ),
    "no check": ("[services.a]\ncommand = 'x'\nhealth = { interval = 1 }", ["1009 :3: services.a.health: says how often to check but not what"]),
    "a path without port": ("[services.a]\ncommand = 'x'\nhealth = { http = '/' }", ["1009 :3: services.a.health.http: a path needs"]),
    "neither path nor URL": ("[services.a]\ncommand = 'x'\nhealth = { http = 'up' }", ['1005 :3: services.a.health.http: "up" is neither']),
    "status without http": ("[services.a]\ncommand = 'x'\nhealth = { log = 'x', status = 200 }", ["1009 :3: services.a.health.status: belongs to"]),
    "no status": (
        "[services.a]\ncommand = 'x'\nport = 1\nhealth = { http = '/', status = [200, 9] }",
        ["1005 :4: services.a.health.status: an HTTP status is 100 to 599, got 9"],
    ),
    "tcp without port": ("[services.a]\ncommand = 'x'\nhealth = { tcp = true }", ["1009 :3: services.a.health.tcp: needs the service to have a port"]),
    "tcp on a held socket": (
        "[services.a]\napp = 'a:b'\nhealth = { tcp = true }",
        ["1009 :3: services.a.health.tcp: proves nothing, because the launcher itself listens there; use http or notify"],
    ),
    "tcp on a held socket by number": (
        "[services.a]\napp = 'a:b'\nport = 9\nhealth = { tcp = 9 }",
        ["1009 :4: services.a.health.tcp: proves nothing"],
    ),
    "a bad expression": ("[services.a]\ncommand = 'x'\nhealth = { log = '(' }", ['1005 :3: services.a.health.log: "(" is no regular expression']),
    "a task's health": ("[services.a]\ncommand = 'x'\nkind = 'task'\nhealth = { log = 'x' }", ["1009 :4: services.a.health: a task is ready when"]),
    "a task without end": ("[services.a]\ncommand = 'x'\nkind = 'task'\nrestart = 'always'", ["1009 :4: services.a.restart: a task that is always"]),
    "no exit code": ("[services.a]\ncommand = 'x'\nsuccess_exit_codes = [0, 256]", ["1005 :3: services.a.success_exit_codes: an exit code is"]),
    "no signal": ("[services.a]\ncommand = 'x'\nstop.signal = 'TRM'", ['1005 :3: services.a.stop.signal: no signal "TRM", did you mean `TERM`?']),
    "no variable": ("[env]\n'A=B' = 'x'", ['1005 :2: env."A=B": the system takes no such variable']),
    "reference to no service": (
        "[services.api]\ncommand = 'x ${services.dbb.url}'\n[services.db]\ncommand = 'x'\nport = 1",
        ["1008 :2: services.api.command: ${services.dbb.url}: no service `dbb`, did you mean `db`?"],
    ),
    "reference to no attribute": (
        "[services.a]\ncommand = 'x'\nport = 1\nenv.U = '${services.a.uri}'",
        ["1008 :4: services.a.env.U: ${services.a.uri}: a service has no `uri`, did you mean `url`?"],
    ),
    "reference to a service without port": ("[env]\nU = '${services.a.url}'\n[services.a]\ncommand = 'x'", ["1008 :2: env.U: ${services.a.url}: service `a` has no port"]),
    "reference to no socket": ("[services.a]\ncommand = 'x ${socket.fd}'", ["1008 :2: services.a.command: ${socket.fd}: this service holds no socket"]),
    "a broken reference": ("[env]\nU = '${'", ["1008 :2: env.U: "]),
    "a broken reference in a path": ("[services.a]\napp = 'a:b'\npythonpath = ['${services.b.url}']", ["1008 :3: services.a.pythonpath: ${services.b.url}: no service `b`"]),
    "a broken reference in a check without a shell": ("[services.a]\ncommand = 'x'\nhealth = { exec = ['${'] }", ["1008 :3: services.a.health.exec: "]),
    "missing folder": ("[services.a]\ncommand = 'x'\ndirectory = 'no/where'", ["1013 :3: services.a.directory: there is no folder no/where"]),
    "missing pythonpath": ("[services.a]\napp = 'a:b'\npythonpath = ['src']", ["1013 :3: services.a.pythonpath: there is no folder src"]),
    "missing env_file": ("[launcher]\nenv_file = ['s.env']", ["1010 :2: launcher.env_file: s.env does not exist or cannot be read"]),
    "missing interpreter": ("[launcher]\npython = 'v/python'\n[services.a]\napp = 'a:b'", ["1018 :2: launcher.python: no interpreter v/python"]),
    "unknown user": ("[services.a]\ncommand = 'x'\nuser = 'no-such-user'", ["1017 :3: services.a.user: this machine has no user `no-such-user`"]),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_what_is_said(project, what):
    """Exactly these problems, each at its line."""
    text, told = CASES[what]
    project.profile("dev", text + "\n")
    found = problems(project)
    expected = [line.replace(" :", " profiles/dev.toml:", 1) for line in told]
    assert [line[: len(wanted)] for line, wanted in zip(found, expected, strict=True)] == expected


def test_what_is_out_of_range_is_told_the_default(project):
    """Which is in range, and what most people want."""
    project.profile("dev", "[services.a]\ncommand = 'x'\nreplicas = 0\nhealth = { exec = 'x', timeout = 0 }\n")
    with pytest.raises(ProblemsFound) as raised:
        loaded(project)
    assert [problem.remedy for problem in raised.value.problems] == [
        "Leave it out for the default, 1.",
        "Leave it out for the default, 2 s.",
    ]


def test_all_problems_of_all_files_at_once(project):
    """Sorted by file and line, variables and flags behind the files."""
    project.profile("base", "[services.a]\ncommand = 'x'\nprot = 1\n")
    project.profile("dev", "[launcher]\nextends = ['base']\nmod = 1\n[services.b]\ncommand = 3\n")
    found = problems(project, environ={"LAUNCHER__LAUNCHER__ENGINE": "kubernetes"}, sets=["services.a.replicas=0"])
    assert [line.partition(": ")[0] for line in found] == [
        "1004 profiles/base.toml:3",
        "1004 profiles/dev.toml:3",
        "1005 profiles/dev.toml:5",
        "1006 $LAUNCHER__LAUNCHER__ENGINE",
        "1005 --set services.a.replicas",
    ]


FINE = {
    "what [defaults] gives need not make sense for each": (
        "[defaults]\nstop = { drain = 1 }\nhealth = { log = 'x' }\n[services.a]\ncommand = 'x'\n[services.t]\ncommand = 'x'\nkind = 'task'"
    ),
    "an optional dependency may be missing": "[services.a]\ncommand = 'x'\ndepends_on = { b = { required = false } }",
    "a shell's own braces": "[services.a]\ncommand = 'echo ${HOME} ${x:-$y} $$ ${a.b}'",
    "a program that is nowhere: PATH may come from an env file": "[services.a]\ncommand = ['no-such-program']",
    "a folder known at the start only": "[services.a]\ncommand = 'x'\ndirectory = '${WHERE}'",
    "a default that depends on all do not share": "[defaults]\ndepends_on = ['db']\n[services.db]\ncommand = 'x'",
    "tcp elsewhere, on a held socket": "[services.a]\napp = 'a:b'\nport = 9\nhealth = { tcp = 10 }",
}  # fmt: skip


@pytest.mark.parametrize("what", FINE)
def test_what_is_fine(project, what):
    """No problem and no warning."""
    project.profile("dev", FINE[what])
    assert loaded(project).warnings == []


def test_timing_of_a_check_that_asks_nothing_is_a_warning(project):
    """The key has no effect, and that is said."""
    project.profile("dev", "[services.a]\ncommand = 'x'\nhealth = { log = 'x', interval = 1 }\n")
    assert [str(warning).partition(": has")[0] for warning in loaded(project).warnings] == [
        "W1009 profiles/dev.toml:3: services.a.health.interval"
    ]
