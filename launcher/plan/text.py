"""A plan for people: what starts when and why, as a list, as a tree, as Graphviz dot.

Values of the environment are not shown, only names, and no userinfo of a URL; the rest is the profile's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from launcher.plan.memory import MB, estimate
from launcher.plan.model import Edge, Instance, Plan
from launcher.profile.model import Condition, OnLoss, Service

_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def describe(plan: Plan) -> str:
    """Tell layer by layer what starts, with what it runs, on which port, after what and why."""
    services, layers = len(plan.services), len(plan.layers)
    lines = [f"{plan.profile}: {count(services, 'service')} in {count(layers, 'layer')}"]
    for number, layer in enumerate(plan.layers, start=1):
        lines += ["", f"layer {number}"]
        for name in layer:
            lines += [f"  {_title(plan, name)}", *(f"    {key:<8} {value}" for key, value in _facts(plan, name))]
    if plan.env:
        lines += ["", f"env of all: {', '.join(plan.env)}"]
    if memory := _memory(plan):
        lines += ["", memory]
    return "\n".join(lines) + "\n"


def tree(plan: Plan) -> str:
    """Draw what each service needs, indented below it; what stands further up already is only named, with `…`.

    At the left stand the services that nothing needs.
    """
    needed = {edge.dependency for edge in plan.edges}
    below = {name: plan.edges_from(name) for name in plan.services}
    lines: list[str] = []
    shown: set[str] = set()
    # A stack of our own: a chain may be deeper than Python's.
    ahead = [(name, "", "", "") for name in reversed(plan.services) if name not in needed]
    while ahead:
        name, branch, indent, note = ahead.pop()
        again = name in shown and below[name]
        lines.append(f"{branch}{name}{note}{' …' if again else ''}")
        if again:
            continue
        shown.add(name)
        for left, edge in enumerate(reversed(below[name])):
            fork, bar = ("├─ ", "│  ") if left else ("└─ ", "   ")
            ahead.append((edge.dependency, indent + fork, indent + bar, f" ({_note(edge)})"))
    return "".join(line + "\n" for line in lines)


def dot(plan: Plan) -> str:
    """Draw the graph for Graphviz: an arrow leads to what is needed, dashed where it is optional."""
    lines = [f"digraph {_quoted(plan.profile)} {{", "  rankdir=LR;", "  node [shape=box];"]
    for name, service in plan.services.items():
        lines.append(f"  {_quoted(name)}{' [style=rounded]' if service.is_task else ''};")
    for edge in plan.edges:
        style = "" if edge.required else ", style=dashed"
        ends = f"{_quoted(edge.dependent)} -> {_quoted(edge.dependency)}"
        lines.append(f"  {ends} [label={_quoted(edge.condition)}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _title(plan: Plan, name: str) -> str:
    service = plan.services[name]
    notes = [
        *(["task"] if service.is_task else []),
        *([f"{service.replicas} replicas"] if service.replicas > 1 else []),
        *([] if service.required else ["not required"]),
        *(["critical"] if service.critical else []),
    ]
    return f"{name} ({', '.join(notes)})" if notes else name


def _facts(plan: Plan, name: str) -> Iterator[tuple[str, str]]:
    service = plan.services[name]
    instances = plan.instances_of(name)
    if instances[0].is_host:
        group = instances[0].group
        for does, found in (("serves", plan.components_of(group)), ("forks", plan.forks_of(group))):
            if found:
                yield does, ", ".join(dict.fromkeys(one.service for one in found))
    else:
        yield ("app", service.app) if service.app is not None else ("command", _command(service.command or ""))
    if place := _place(plan, instances[0]):
        yield "from" if instances[0].is_forked else "in", place
    yield from _reached(service, instances)
    if service.health is not None:
        yield "health", service.check
    for edge in plan.edges_from(name):
        yield "after", f"{edge.dependency}: {_note(edge)}, {_why(edge, plan.services[edge.dependency])}"
    if service.env:
        yield "env", ", ".join(service.env)


def _place(plan: Plan, instance: Instance) -> str:
    """The process that it is in or forked from, and why; empty: its own, as the mode says."""
    if not instance.is_hosted:
        return f"its own process: {instance.placed}" if instance.placed else ""
    host = plan.host_of(instance.group).name
    return f"{host}: {instance.placed}" if instance.placed else host


def _memory(plan: Plan) -> str:
    found = estimate(plan)
    if not found.instances:
        return ""
    beside = "; commands are not counted" if found.unknown else ""
    return f"memory: about {found.total / MB:.0f} MB, an estimate (`launcher measure` measures it){beside}"


def _reached(service: Service, instances: list[Instance]) -> Iterator[tuple[str, str]]:
    """Where it is reached."""
    if ports := ", ".join(str(instance.port) for instance in instances if instance.port is not None):
        yield "port", f"{ports} (drawn)" if instances[0].port_drawn else ports
    if service.prefix is not None:
        yield "prefix", service.prefix


def _command(command: str | list[str]) -> str:
    if isinstance(command, list):
        from shlex import join  # noqa: PLC0415  (only to show)

        command = join(command)
    return " ".join(_USERINFO.sub("***", command).split("\n"))


def _note(edge: Edge) -> str:
    loss = "" if edge.on_loss is OnLoss.IGNORE else f", {edge.on_loss} on loss"
    return f"{edge.condition}{'' if edge.required else ', optional'}{loss}"


def _why(edge: Edge, dependency: Service) -> str:
    """Tell why just this condition can be met."""
    match edge.condition:
        case Condition.COMPLETED:
            return "since it is a task"
        case Condition.HEALTHY:
            return (
                f"by its {dependency.health.check.partition(' ')[0]} check"
                if dependency.health
                else "when its host reports it"
            )
        case Condition.STARTED if dependency.is_task:
            return "whether or not it succeeds"
        case Condition.STARTED:
            return "whatever its health" if dependency.health or dependency.app else "since it has no health check"
        case Condition.EXITED:
            return "with any exit code"


def count(number: int, what: str) -> str:
    """`1 service`, `2 services`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
