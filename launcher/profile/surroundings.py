"""What a profile asks of the machine: folders, env files, users, interpreters, signals.

`wanted` says what must be looked up, `facts.ask` looks once, and `check_surroundings` compares. Pure: the machine is
a frozen `Facts`. Whether a command's program exists is found at its start, because PATH may come from an env file.
"""

from __future__ import annotations

from launcher.errors import EnvFileMissing, FolderMissing, InterpreterMissing, UserUnusable, WrongType
from launcher.profile.checks import Context
from launcher.profile.decode import Decoded
from launcher.profile.machine import Facts, Wanted
from launcher.profile.model import Service
from launcher.profile.names import did_you_mean
from launcher.profile.origins import Path, Problems


def wanted(profile: Decoded) -> Wanted:
    """What the profile needs to be known about. A text with a reference in it is known only at the start."""
    services = profile.services.values()
    return Wanted(
        folders=_fixed(*(folder for service in services for folder in (service.directory, *service.pythonpath))),
        files=_fixed(*profile.settings.env_file),
        programs=_fixed(*(_python(profile, service) for service in services)),
        users=_fixed(*(service.user for service in services)),
    )


def check_surroundings(profile: Decoded, facts: Facts, problems: Problems) -> None:
    """Note everything the profile needs and the machine has not."""
    context = Context(profile, problems)
    for file in profile.settings.env_file:
        if _fixed(file) - facts.files:
            sentence = f"{file} does not exist or cannot be read"
            context.say(EnvFileMissing, ("launcher", "env_file"), sentence)
    for name, service in profile.services.items():
        path: Path = ("services", name)
        for key, folder in (("directory", service.directory), *(("pythonpath", entry) for entry in service.pythonpath)):
            if _fixed(folder) - facts.folders:
                context.say(FolderMissing, (*path, key), f"there is no folder {folder}")
        _check_python(context, path, service, facts)
        _check_user(context, path, service, facts)
        if service.stop.signal not in facts.signals:
            sentence = f'no signal "{service.stop.signal}"{did_you_mean(service.stop.signal, facts.signals)}'
            context.say(WrongType, (*path, "stop", "signal"), sentence)


def _check_python(context: Context, path: Path, service: Service, facts: Facts) -> None:
    python = _python(context.profile, service)
    if _fixed(python) - facts.programs:
        key: Path = (*path, "python") if service.python else ("launcher", "python")
        context.say(InterpreterMissing, key, f"no interpreter {python}")


def _check_user(context: Context, path: Path, service: Service, facts: Facts) -> None:
    if _fixed(service.user) - facts.users:
        context.say(UserUnusable, (*path, "user"), f"this machine has no user `{service.user}`")
    elif _fixed(service.user) and service.user != facts.user and not facts.is_root:
        sentence = f"only root can run a service as `{service.user}`; the launcher runs as `{facts.user}`"
        context.say(UserUnusable, (*path, "user"), sentence)


def _python(profile: Decoded, service: Service) -> str:
    """The interpreter named for an `app`; empty where none is, or none is needed."""
    return (service.python or profile.settings.python or "") if service.app is not None else ""


def _fixed(*texts: str) -> frozenset[str]:
    return frozenset(text for text in texts if text and "$" not in text)
