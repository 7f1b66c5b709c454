"""Which services cannot share a process, as far as it can be known before anything of them is imported.

Reads the folders that their modules would come from. What is known only at a service's start is looked at then, by the
host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from launcher.errors import BadReference, LauncherError, ProblemsFound, Unshareable
from launcher.host.description import Description
from launcher.host.unshareable import DJANGO, Problem, before_import
from launcher.plan.model import Plan
from launcher.profile.interpolate import expand
from launcher.profile.model import Service

#: Of a service's variables, those by which it may differ from its neighbours.
VARIABLES = (DJANGO, "PYTHONPATH")


def unshareable_of(
    services: Mapping[str, Service], *, root: str, env: Mapping[str, str], names: Iterable[str]
) -> list[Problem]:
    """Find those among the services of these names that cannot share a process with one before them, and why.

    `env` is what all services have. One of which a folder is known only at its start is passed over.
    """
    described = (_described(name, services[name], root, env) for name in names)
    return before_import([one for one in described if one is not None])


def check_sharing(plan: Plan, environ: Mapping[str, str]) -> None:
    """Raise ProblemsFound where components of a plan cannot share the process that they are placed in."""
    env = {**environ, **plan.env}
    found: list[LauncherError] = []
    for host in (one for one in plan.instances.values() if one.is_host):
        names = [one.service for one in plan.components_of(host.group)]
        for problem in unshareable_of(plan.services, root=plan.root, env=env, names=names):
            sentence = f"{problem.component} cannot share a process with others: {problem.reason}"
            found.append(Unshareable(sentence, remedy=f"{problem.remedy[0].upper()}{problem.remedy[1:]}."))
    if found:
        raise ProblemsFound(found)


def _described(name: str, service: Service, root: str, env: Mapping[str, str]) -> Description | None:
    variables = {**env, **service.env}

    def known(text: str) -> str:
        return expand(text, variables=variables, dotted=_unknown)

    try:
        return Description(
            name=name,
            target=service.app or "",
            directory=str(Path(root, known(service.directory))),
            pythonpath=tuple(str(Path(root, known(path))) for path in service.pythonpath),
            environment={name: known(variables[name]) for name in VARIABLES if name in variables},
        )
    except LauncherError:
        return None


def _unknown(name: str) -> str:
    raise BadReference(f"{name} is known at the start only")
