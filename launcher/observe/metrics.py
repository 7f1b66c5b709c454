"""The metrics of a launcher in Prometheus' text format: what `GET /metrics` answers with.

One table names every metric; `families` fills it from a frozen snapshot, the counters and what the process trees use.
Nothing is registered anywhere, and prometheus_client (9 MB, 50 ms) is imported with the first `render`. Names and units
are Prometheus' conventions. No label takes a value from outside the plan, so the series don't grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from launcher import __version__
from launcher.observe.counters import CHECK_BOUNDS, START_BOUNDS, Counters, Histogram
from launcher.observe.trees import Usage, usage_of
from launcher.orchestrator.snapshot import InstanceView, Snapshot, State

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
#: The labels of one instance. Not `instance`: Prometheus gives every series one of that name, the address scraped.
EACH = ("service", "replica")


class Described(Struct, frozen=True, kw_only=True):
    """A metric as it is documented: its full name, kind, labels and meaning."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """The unit, which its name ends in, as Prometheus has it."""
        return next((unit for unit in ("seconds", "bytes") if unit in self.name.split("_")), "")

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        if self.kind == HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


METRICS = tuple(
    Described(name=f"launcher_{name}", kind=kind, help=text, labels=labels, bounds=bounds)
    for name, kind, labels, text, bounds in (
        ("info", GAUGE, ("profile", "version"), "Which profile this launcher runs, and its version; always 1.", ()),
        ("start_time_seconds", GAUGE, (), "When the launcher started, in seconds since 1970.", ()),
        ("service_state", GAUGE, (*EACH, "state"), "1 for the state that the instance is in, 0 for all others.", ()),
        ("service_health", GAUGE, EACH, "1 if the last check passed, 0 if it failed; none without a check.", ()),
        ("service_health_failures", GAUGE, EACH, "Checks that have failed in a row, up to now.", ()),
        ("service_restarts_total", COUNTER, EACH, "Starts after the first one that nobody asked for.", ()),
        (
            "service_starts_total",
            COUNTER,
            (*EACH, "outcome"),
            "Starts, by how they ended: ready, completed, failed, or stopped before they were up.",
            (),
        ),
        (
            "service_startup_seconds",
            HISTOGRAM,
            ("service",),
            "From the launch of an instance until it was ready, or, of a task, completed.",
            START_BOUNDS,
        ),
        (
            "service_gate_seconds",
            HISTOGRAM,
            ("service",),
            "How long instances waited until what they depend on let them start.",
            START_BOUNDS,
        ),
        (
            "service_probe_seconds",
            HISTOGRAM,
            ("service", "outcome"),
            "How long health checks took, by whether they passed or failed (http, tcp and exec).",
            CHECK_BOUNDS,
        ),
        ("service_cpu_seconds_total", COUNTER, EACH, "CPU time of the process and its descendants.", ()),
        (
            "service_memory_bytes",
            GAUGE,
            (*EACH, "kind"),
            "Memory of the process and its descendants: pss where the kernel tells, else rss.",
            (),
        ),
        ("service_open_fds", GAUGE, EACH, "Open file descriptors of the process and its descendants.", ()),
        ("service_processes", GAUGE, EACH, "The process and its descendants.", ()),
        ("service_output_lines_total", COUNTER, EACH, "Lines printed on standard output and error.", ()),
        ("service_output_bytes_total", COUNTER, EACH, "Bytes printed on standard output and error.", ()),
    )
)
NAMED = {metric.name.removeprefix("launcher_"): metric for metric in METRICS}

#: How the trees of some processes are measured.
Measure = Callable[[Sequence[int]], Mapping[int, Usage]]


def render(snapshot: Snapshot, counters: Counters, *, measure: Measure = usage_of) -> bytes:
    """Everything in Prometheus' text format; takes some milliseconds, in whatever thread may spend them."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415  (heavy)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(list(families(snapshot, counters, measure=measure))))
    ProcessCollector(registry=registry)  # the launcher's own process, by the names that every client uses
    return generate_latest(registry)


def families(snapshot: Snapshot, counters: Counters, *, measure: Measure = usage_of) -> Iterator[Metric]:
    """Every metric, with a sample for each instance that has one."""
    views = snapshot.instances
    trees = [(view, view.pid) for view in views if view.pid is not None and not view.host]
    usage = measure([pid for _, pid in trees])
    yield _values("info", [((snapshot.profile, __version__), 1)])
    yield _values("start_time_seconds", [((), snapshot.since)])
    yield _values(
        "service_state", [((*_each(view), str(state)), view.state is state) for view in views for state in State]
    )
    checked = [(view, view.health) for view in views if view.health is not None]
    yield _values("service_health", [(_each(view), health.ok) for view, health in checked])
    yield _values("service_health_failures", [(_each(view), health.failures) for view, health in checked])
    yield _values("service_restarts_total", [(_each(view), view.restarts) for view in views])
    starts = dict(counters.starts)
    yield _values(
        "service_starts_total",
        [
            ((*_each(view), outcome), starts.get((view.name, outcome), 0))
            for view in views
            for outcome in ("ready", "completed", "failed", "stopped")
        ],
    )
    yield _histogram("service_startup_seconds", {(name,): each for name, each in dict(counters.startup).items()})
    yield _histogram("service_gate_seconds", {(name,): each for name, each in dict(counters.gate).items()})
    checks = dict(counters.checks).items()
    yield _histogram(
        "service_probe_seconds", {(name, "passed" if ok else "failed"): each for (name, ok), each in checks}
    )
    yield from _used([(view, usage[pid]) for view, pid in trees if pid in usage])
    output = dict(counters.output)
    counts = [(view, output.get(view.name, (0, 0))) for view in views]
    yield _values("service_output_lines_total", [(_each(view), lines) for view, (lines, _) in counts])
    yield _values("service_output_bytes_total", [(_each(view), size) for view, (_, size) in counts])


def _used(trees: Sequence[tuple[InstanceView, Usage]]) -> Iterator[Metric]:
    yield _values("service_cpu_seconds_total", [(_each(view), used.cpu) for view, used in trees])
    yield _values("service_memory_bytes", [((*_each(view), used.memory_kind), used.memory) for view, used in trees])
    told = [(view, used.descriptors) for view, used in trees if used.descriptors is not None]
    yield _values("service_open_fds", [(_each(view), count) for view, count in told])
    yield _values("service_processes", [(_each(view), used.processes) for view, used in trees])


Samples = Sequence[tuple[tuple[str, ...], float]]


def _values(name: str, samples: Samples) -> Metric:
    """A gauge or a counter, as the table says."""
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415  (heavy)

    described = NAMED[name]
    make = CounterMetricFamily if described.kind == COUNTER else GaugeMetricFamily
    family = make(described.name, described.help, labels=described.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histogram(name: str, samples: Mapping[tuple[str, ...], Histogram]) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily  # noqa: PLC0415  (heavy)

    described = NAMED[name]
    family = HistogramMetricFamily(described.name, described.help, labels=described.labels)
    for labels, histogram in samples.items():
        family.add_metric(labels, histogram.cumulative(), histogram.total)
    return family


def _each(view: InstanceView) -> tuple[str, str]:
    """The labels of an instance: its service and the number of the replica."""
    return view.service, view.name.rpartition(".")[2]


class _Collected:
    """What a registry asks for its metrics."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found
