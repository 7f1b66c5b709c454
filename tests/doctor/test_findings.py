"""What the doctor makes of a machine: a table of what may be wrong, each with its grade, sentence and remedy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from launcher.cli.doctor import describe
from launcher.doctor.findings import findings
from launcher.doctor.machine import Finding, Grade, Interpreter, Machine, Orphan, Port, WrittenSecret
from launcher.doctor.written import written_secrets

WELL = Machine(
    python=(3, 12, 1),
    executable="/p/.venv/bin/python",
    in_venv=True,
    versions={"honcho": "2.0.0", "supervisor": ""},
    profile="dev",
    interpreters=(Interpreter(path="/p/.venv/bin/python", services=("web",), version="3.12.1", uvicorn="0.54.0"),),
    ports=(Port(label="web", number=8000), Port(label="api", number=8001, drawn=True)),
    instances=2,
    open_files=(1024, 4096),
    inotify_watches=524288,
    year=2026,
    folder="/p/.launcher/dev",
    disk_free=10**10,
    inodes_free=10**6,
)

CASES = [
    ("an old Python", {"python": (3, 10, 4)}, "bad", "Python 3.10.4", "Python 3.11 or later"),
    ("no environment of its own", {"in_venv": False}, "warn", "no virtual environment", "python3 -m venv"),
    ("no honcho", {"versions": {}}, "bad", "honcho is not installed", "pip install 'honcho>=2.0'"),
    ("an old honcho", {"versions": {"honcho": "1.1.0"}}, "bad", "honcho 1.1.0 is older than 2.0", "pip install"),
    (
        "an old supervisor",
        {"versions": {"honcho": "2.10", "supervisor": "4.2.5"}},
        "warn",
        "supervisor 4.2.5 is older",
        "pip install",
    ),
    ("a broken profile", {"profile_problems": ("E1004 no key `comand`",)}, "bad", "E1004", "config check"),
    (
        "an app's Python without uvicorn",
        {"interpreters": (Interpreter(path="/v/python", services=("web", "api"), version="3.12.0"),)},
        "bad",
        "/v/python, which serves web, api, has no uvicorn",
        "/v/python -m pip install uvicorn",
    ),
    (
        "an app's Python with an old uvicorn",
        {"interpreters": (Interpreter(path="/v/python", services=("web",), version="3.12.0", uvicorn="0.9.1"),)},
        "warn",
        "uvicorn 0.9.1 is older",
        "--upgrade uvicorn",
    ),
    (
        "an app's Python that is none",
        {"interpreters": (Interpreter(path="/v/python", services=("web",), error="No such file or directory"),)},
        "bad",
        "/v/python, which serves web: No such file or directory",
        "`python`",
    ),
    (
        "a port of a stranger",
        {"ports": (Port(label="web", number=8000, holder="pid 812 (python manage.py)"),)},
        "bad",
        "port 8000 of web is taken by pid 812 (python manage.py)",
        'port = "auto"',
    ),
    (
        "an orphan",
        {"orphans": (Orphan(pid=812, instance="api.1", command="sleep 600"),)},
        "bad",
        "pid 812 (sleep 600) is api.1 of a launcher that is gone",
        "kill 812",
    ),
    (
        "a stale socket",
        {"stale_sockets": ("/p/.launcher/dev/control.sock",)},
        "warn",
        "control.sock was left by a launcher that was killed",
        "rm /p/.launcher/dev/control.sock",
    ),
    ("few files", {"open_files": (64, 4096)}, "bad", "64 open files allowed, some 80 needed", "ulimit -n 80"),
    ("a low hard limit", {"open_files": (64, 64)}, "bad", "64 open files allowed", "hard limit of 64"),
    ("few watches", {"inotify_watches": 8192}, "warn", "8192 inotify watches", "max_user_watches=524288"),
    ("a clock never set", {"year": 1970}, "warn", "the clock says 1970", "Set the clock"),
    ("a clock that jumps", {"clock_step": -3.5}, "warn", "jumped by -3.50 s", "one program set the clock"),
    ("a clock set back", {"from_the_future": 3600.0}, "warn", "3600 s ahead of the clock", "Check the clock"),
    ("a full disk", {"disk_free": 10**6}, "bad", "1 MB free for /p/.launcher/dev", "Make room"),
    ("little room for logs", {"disk_free": 55 * 10**6}, "warn", "may grow to 60 MB", "Make room"),
    ("no inodes", {"inodes_free": 3}, "bad", "only 3 more files", "Remove files"),
    ("a folder of somebody else", {"is_writable": False}, "bad", "cannot be written", "--run-dir"),
    (
        "a written secret",
        {"written_secrets": (WrittenSecret(place="profiles/dev.toml:4", key="env.DB_PASSWORD"),)},
        "warn",
        "profiles/dev.toml:4: the secret env.DB_PASSWORD is written in the profile",
        "env_file",
    ),
    ("an open env file", {"open_env_files": (".env",)}, "warn", "everybody on this machine may read .env", "chmod 600"),
]


@pytest.mark.parametrize(
    ("changes", "grade", "what", "remedy"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_wrong_is_told_with_its_remedy(changes, grade, what, remedy):
    """Once, and everything else stays well."""
    wrong = [finding for finding in findings(replace(WELL, **changes)) if finding.grade is not Grade.OK]
    assert [finding.grade for finding in wrong] == [grade]
    assert what in wrong[0].what
    assert remedy in wrong[0].remedy


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ports": (Port(label="web", number=8000, holder="pid 7 (launcher)", is_ours=True),)},
        {"ports": (Port(label="web", number=8000, drawn=True, holder="pid 7 (nc)"),)},
        {"open_files": None, "inotify_watches": None, "disk_free": None, "inodes_free": None},
        {"versions": {"honcho": "2.1rc1", "supervisor": "4.3.0"}},
        {"from_the_future": -3600.0},
        {"ports": (), "interpreters": (), "instances": 0, "profile": ""},
    ],
)
def test_a_machine_that_is_well_gives_no_cause(changes):
    """Our own launcher's port is no conflict, one that is drawn neither; what the system does not tell is left out."""
    assert {finding.grade for finding in findings(replace(WELL, **changes))} == {Grade.OK}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[env]\nDB_PASSWORD = "hunter2"\n', [("p:2", "env.DB_PASSWORD")]),
        ('[env]\nDB_PASSWORD = "${DB_PASSWORD}"\nLEVEL = "info"\n', []),
        ('[env]\nDB_PASSWORD = "${DB_PASSWORD:-}"\n', []),
        ('[env]\nDB_PASSWORD = "${DB_PASSWORD:-hunter2}"\n', [("p:2", "env.DB_PASSWORD")]),
        ('[env]\nDB_PASSWORD = "${DB_PASSWORD:?set it}"\n', []),
        ('[env]\nDB_PASSWORD = ""\n', []),
        ('[launcher]\nsecret = ["PIN"]\n[services.api.env]\nPIN = "1234"\n', [("p:4", "services.api.env.PIN")]),
        ('[services.api]\nenv = { API_TOKEN = "x", A = "y" }\n', [("p:2", "services.api.env.API_TOKEN")]),
        ('[env]\nDB = "redis://me:pw@host/0"\n', [("p:2", "env.DB")]),
        ('[env]\nDB = "redis://me:${PW}@host/0"\nE = "redis://host/0"\n', []),
        ('[services.a]\ncommand = [\n  "psql",\n  "postgres://me:pw@db/x"]\n', [("p:4", "services.a.command.1")]),
        ("[env\n", []),
        ("[launcher]\nsecret = 3\n", []),
    ],
)
def test_secrets_in_a_profile_are_found_and_never_shown(text, found):
    """By name, by `secret`, by the user part of a URL; a reference tells nothing."""
    secrets = written_secrets(text, "p")
    assert [(secret.place, secret.key) for secret in secrets] == found
    assert not any(value in str(secrets) for value in ("hunter2", "1234", ":pw@"))


def test_findings_are_listed_with_their_remedies_and_counted():
    """Grade first, the remedy below."""
    found = [Finding(Grade.OK, "honcho 2.0.0"), Finding(Grade.BAD, "port 1 is taken", "Free it.")]
    assert describe(found).splitlines() == [
        "ok    honcho 2.0.0",
        "bad   port 1 is taken",
        "      Free it.",
        "1 well, 0 to watch, 1 bad",
    ]
    assert "\033[31mbad" in describe(found, colour=True)
