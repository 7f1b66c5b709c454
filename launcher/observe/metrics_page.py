"""docs/metrics.md, made from the table of metrics. Pure."""

from __future__ import annotations

from launcher.observe.metrics import METRICS, Described

_INTRODUCTION = """\
# Metrics

Made from the table in `launcher/observe/metrics.py`; a test holds this page against it.

A running launcher answers `GET /metrics` in Prometheus' text format. Each scrape is a look at the state as it is at
that moment; nothing is sampled in between, and the client library is loaded with the first one.

- `service` is the service's name, `replica` the number of the instance, from 1. (It is not called `instance`:
  Prometheus gives every series a label of that name, with the address it scraped.)
- Counters begin at 0 with the launcher; `cpu_seconds_total` also with each new process.
- Output is counted as it is written out: whole lines, after redaction.
- Memory is the proportional set (`kind="pss"`): a page that several processes share counts once in their sum. Where
  the kernel does not tell, it is the resident set (`kind="rss"`), in which it counts for each. Process trees are
  looked at whole; a figure is missing where the system does not tell it (processes of another user).
- `process_*` are the figures of the launcher's own process, under the names that every Prometheus client has.

A dashboard for Grafana stands in [examples/grafana](../examples/grafana/README.md).
"""

_AFTER = """\
## Asking

```promql
launcher_service_state{state="ready"} == 0                       # what is not ready, and ought to be looked at
increase(launcher_service_restarts_total[1h]) > 3                # what keeps falling over
histogram_quantile(0.95, sum by (service, le) (rate(launcher_service_probe_seconds_bucket[5m])))
sum by (service) (launcher_service_memory_bytes)                 # replicas together
```
"""


def metrics_markdown() -> str:
    """The whole page."""
    rows = ["## The metrics", "", "| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|"]
    rows += [_row(metric) for metric in METRICS]
    buckets = ["## Buckets", ""]
    buckets += [
        f"- `{metric.name}`: {', '.join(f'{bound:g}' for bound in metric.bounds)} s"
        for metric in METRICS
        if metric.bounds
    ]
    return "\n".join([_INTRODUCTION, *rows, "", *buckets, "", _AFTER])


def _row(metric: Described) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    return f"| `{metric.name}` | {metric.kind} | {metric.unit or '-'} | {labels} | {metric.help} |"
