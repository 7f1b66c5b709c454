"""`launcher import`: where the profile goes, what is said, and what is refused."""

from __future__ import annotations

import os
import tomllib

import pytest

from launcher.cli.main import main

COMPOSE = "services:\n  web:\n    image: x\n    command: serve\n  db: {image: pg}\n"


@pytest.fixture
def here(project, monkeypatch):
    """A project with a Procfile and a Compose file, and the working directory in it."""
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("LAUNCHER_PROFILE", raising=False)
    project.procfile("# the pages\nweb: serve $PORT\n")
    project.write("compose.yaml", COMPOSE)
    return project


def test_it_prints_the_profile(here, capsys):
    """Without -o, and with `-o -`; the losses go to standard error."""
    assert main(["import", "compose.yaml"]) == 0
    told = capsys.readouterr()
    assert main(["import", "compose.yaml", "-o", "-"]) == 0
    assert capsys.readouterr() == told
    assert tomllib.loads(told.out)["services"] == {"web": {"command": "serve"}}
    assert told.out.startswith("#:schema ../docs/profile.schema.json\n# Imported from compose.yaml")
    assert [line.split(": ")[0] for line in told.err.splitlines()] == ["W6101 compose.yaml:3", "W6101 compose.yaml:5"]


def test_it_writes_a_profile_that_is_well(here, capsys):
    """The folder is made, the comments are kept, and `config check` is content."""
    assert main(["import", "Procfile", "-o", "profiles/dev.toml"]) == 0
    assert capsys.readouterr().out == "wrote profiles/dev.toml: 1 service\n"
    assert "# the pages\n[services.web]" in (here.root / "profiles" / "dev.toml").read_text(encoding="utf-8")
    assert main(["config", "check"]) == 0
    assert [path.name for path in (here.root / "profiles").iterdir()] == ["dev.toml"]


def test_a_profile_that_is_there_stays(here, capsys):
    """Unless --force says otherwise."""
    path = here.profile("dev", "# mine\n")
    assert main(["import", "Procfile", "-o", "profiles/dev.toml"]) == 2
    assert "E6106 profiles/dev.toml exists already" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "# mine\n"
    assert main(["import", "Procfile", "-o", "profiles/dev.toml", "--force"]) == 0
    assert "[services.web]" in path.read_text(encoding="utf-8")
    assert len(list(path.parent.iterdir())) == 1


def test_strict_makes_every_loss_an_error(here, capsys):
    """All of them are told, and nothing is written."""
    assert main(["import", "compose.yaml", "-o", "profiles/x.toml", "--strict"]) == 2
    assert capsys.readouterr().err.count("E6101 compose.yaml:") == 2
    assert not (here.root / "profiles").exists()
    assert main(["import", "Procfile", "--strict"]) == 0


def test_a_file_in_a_folder_starts_from_there(here, capsys):
    """Its services run in that folder, wherever the profile lies."""
    here.write("deploy/Procfile", "web: serve\n")
    here.write("deploy/.env", "PORT=6000\n")
    assert main(["import", "deploy/Procfile"]) == 0
    data = tomllib.loads(capsys.readouterr().out)
    assert data["launcher"]["env_file"] == ["deploy/.env"]
    assert data["defaults"]["directory"] == "deploy"
    assert data["services"]["web"]["port"] == 6000


REFUSED = {
    "no such file": (["import", "nowhere"], "E6103 nowhere cannot be read: no such file"),
    "a folder": (["import", "deploy"], "E6103 deploy is a folder"),
    "not UTF-8": (["import", "latin"], "E6103 latin:2: latin is not UTF-8"),
    "an unknown format": (["import", "Procfile", "--format", "compse"], "E6105 no format"),
    "a format nobody can tell": (["import", "notes.txt"], "E6105 cannot tell"),
    "a broken file": (["import", "bad.yaml", "--format", "compose"], "E6104 bad.yaml:2: "),
    "nothing to run": (["import", "image.yaml", "--format", "compose"], "E6108 image.yaml has nothing"),
    "an empty Procfile": (["import", "Procfile.empty"], "E6108"),
    "a folder to write": (["import", "Procfile", "-o", "deploy"], "E6107 cannot write deploy: it is a folder"),
    "below a file": (["import", "Procfile", "-o", "Procfile/x.toml"], "E6107 cannot write Procfile/x.toml"),
    "no file named": (["import"], "E9006"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence(here, capsys, what):
    """Code, place, reason, and what to do; exit status 2."""
    here.write("deploy/keep", "")
    (here.root / "latin").write_bytes(b"a\nb\xe9\n")
    here.write("notes.txt", "buy milk\n")
    here.write("bad.yaml", "services:\n  a: [\n")
    here.write("image.yaml", "services:\n  a: {image: x}\n")
    here.write("Procfile.empty", "# nothing\n")
    words, sentence = REFUSED[what]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert "\n      " in err  # the remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(here, capsys):
    """Is said, too."""
    (here.root / "profiles").mkdir(mode=0o500)
    assert main(["import", "Procfile", "-o", "profiles/dev.toml"]) == 2
    assert "E6107" in capsys.readouterr().err
