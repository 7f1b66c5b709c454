"""The Plan: everything decided before anything runs, as one frozen value.

`config check` validates it, `plan` prints it, exporters render it and the orchestrator executes it. Commands,
environment and probes are still templates (`${services.api.url}`): each engine and exporter brings its own addresses,
and env files are read again at each start. The model knows nothing of how a plan is made or run.
"""

from __future__ import annotations

from msgspec import Struct

from launcher.profile.model import Condition, EngineName, Log, OnExit, OnLoss, Service

#: The version of the serialised form; another one is refused, not guessed at.
PLAN_VERSION = 1


class Edge(Struct, frozen=True, kw_only=True):
    """`dependent` waits until `dependency` (a service: all its instances) meets `condition`."""

    dependent: str
    dependency: str
    condition: Condition
    required: bool = True
    on_loss: OnLoss = OnLoss.IGNORE


class Instance(Struct, frozen=True, kw_only=True):
    """One process to be: replica `index` (from 1) of `service`. `name` is `service.index`, for life."""

    name: str
    service: str
    index: int
    engine: EngineName
    #: What people see: `api` for an only replica, else `api.1`; with a bare Procfile always `web.1`.
    label: str
    port: int | None = None
    #: Whether the number was drawn (`auto`) and may be another one next time.
    port_drawn: bool = False
    #: The group of services in, or forked from, one process that it belongs to; or whose host it is.
    group: str = ""
    #: Why it is placed there, in that process or in its own, where the launcher has chosen.
    placed: str = ""
    #: Whether that was while it ran: it was planned to be elsewhere.
    moved: bool = False

    @property
    def is_component(self) -> bool:
        """Whether it runs inside the process of its group's host."""
        return self.engine is EngineName.MERGED

    @property
    def is_forked(self) -> bool:
        """Whether it is forked from the process of its group's host."""
        return self.engine is EngineName.FORKED

    @property
    def is_hosted(self) -> bool:
        """Whether a host brings it about."""
        return self.is_component or self.is_forked

    @property
    def is_host(self) -> bool:
        """Whether it is the process in which the components of its group run, or from which it is forked."""
        return bool(self.group) and not self.is_hosted


class Plan(Struct, frozen=True, kw_only=True):
    """Services in order of definition, their instances, the edges between them and the layers they start in.

    `layers[0]` depends on nothing; every service stands in the first layer after all it depends on. Edges to optional
    dependencies that are not in the plan have been dropped.
    """

    version: int = PLAN_VERSION
    profile: str
    root: str
    procfile: bool
    on_exit: OnExit
    env_files: tuple[str, ...]
    env: dict[str, str]
    secrets: tuple[str, ...]
    log: Log = Log()
    #: The interpreter that serves `app` services where a service names none; empty: found at run time.
    python: str
    #: What is imported before forked services are; None: found from their imports.
    preload: tuple[str, ...] | None = None
    services: dict[str, Service]
    instances: dict[str, Instance]
    edges: tuple[Edge, ...]
    layers: tuple[tuple[str, ...], ...]
    #: The ports of every service of the profile that has one, by index, those not selected too: a reference to
    #: `${services.api.url}` holds whether or not api is started along.
    ports: dict[str, tuple[int, ...]]
    #: Where services are mounted on their ports, those not selected too; the root is not told.
    prefixes: dict[str, str] = {}

    def instances_of(self, service: str) -> list[Instance]:
        """The instances of one service, by index."""
        return [instance for instance in self.instances.values() if instance.service == service]

    def service_of(self, instance: str) -> Service:
        """The service that an instance is a replica of."""
        return self.services[self.instances[instance].service]

    def host_of(self, group: str) -> Instance:
        """The process of a group."""
        return next(one for one in self.instances.values() if one.is_host and one.group == group)

    def components_of(self, group: str) -> list[Instance]:
        """What runs in the process of a group."""
        return [one for one in self.instances.values() if one.is_component and one.group == group]

    def forks_of(self, group: str) -> list[Instance]:
        """What is forked from the process of a group."""
        return [one for one in self.instances.values() if one.is_forked and one.group == group]

    def edges_from(self, service: str) -> list[Edge]:
        """What `service` waits for."""
        return [edge for edge in self.edges if edge.dependent == service]

    def edges_to(self, service: str) -> list[Edge]:
        """Who waits for `service`."""
        return [edge for edge in self.edges if edge.dependency == service]
