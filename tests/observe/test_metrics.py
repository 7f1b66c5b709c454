"""What is counted, and what Prometheus makes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from launcher.observe.counters import CHECK_BOUNDS, Counters, Histogram
from launcher.observe.hub import Batch
from launcher.observe.metrics import METRICS, render
from launcher.observe.metrics_page import metrics_markdown
from launcher.observe.trees import Usage, proportional_of, usage_of
from launcher.orchestrator.events import Verdict
from launcher.orchestrator.orders import Run
from launcher.testing import Rehearsal

ROOT = Path(__file__).resolve().parents[2]
CHECKED = {"health": {"notify": True, "start_period": 0.0}}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian packs it in `prometheus`)"
)

#: What makes the page anew.
ANEW = (
    "import pathlib; from launcher.observe import metrics_page; "
    "pathlib.Path('docs/metrics.md').write_text(metrics_page.metrics_markdown())"
)


def counted(services, **settings):
    """A rehearsal and the counters that listen to it."""
    rehearsal = Rehearsal(services, **settings)
    counters = Counters()
    rehearsal.loop.subscribe(counters)
    return rehearsal, counters


def measured(pids):
    return {pid: Usage(processes=2, cpu=1.5, memory=4096, memory_kind="pss", descriptors=7) for pid in pids}


def samples(rehearsal, counters):
    """Every sample by its name and the values of its labels, in their order."""
    text = render(rehearsal.loop.snapshot, counters, measure=measured).decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def up():
    """Db becomes ready after 0.3 s, api with it after 0.2 s more; migrate completes."""
    rehearsal, counters = counted(
        {"migrate": {"kind": "task"}, "db": {**CHECKED}, "api": {**CHECKED, "depends_on": {"db": {}}}}
    )
    rehearsal.start()
    rehearsal.exits("migrate", 0)
    rehearsal.advance(0.3)
    rehearsal.passes("db")
    rehearsal.advance(0.2)
    rehearsal.passes("api")
    return rehearsal, counters


def test_every_state_is_a_series_and_one_of_them_is_1():
    """So that a change of state leaves no stale series behind."""
    found = samples(*up())
    states = {key[3]: value for key, value in found.items() if key[0] == "launcher_service_state" and key[2] == "api"}
    assert sum(states.values()) == states["ready"] == 1
    assert len(states) == 11


def test_starts_and_gates_are_counted_and_timed():
    """By service, from the launch and from the asking."""
    found = samples(*up())
    assert found["launcher_service_starts_total", "ready", "1", "api"] == 1
    assert found["launcher_service_starts_total", "completed", "1", "migrate"] == 1
    assert found["launcher_service_starts_total", "failed", "1", "api"] == 0
    assert found["launcher_service_startup_seconds_sum", "api"] == pytest.approx(0.2)
    assert found["launcher_service_startup_seconds_bucket", "0.25", "api"] == 1
    assert found["launcher_service_startup_seconds_bucket", "0.1", "api"] == 0
    assert found["launcher_service_gate_seconds_sum", "api"] == pytest.approx(0.3)
    assert found["launcher_service_gate_seconds_count", "db"] == 1


def refuses(rehearsal):
    rehearsal.exits("api", 1)


def is_stopped(rehearsal):
    rehearsal.stop("api")


def is_late(rehearsal):
    rehearsal.advance(61.0)


def passes(rehearsal):
    rehearsal.passes("api")


def is_restarted_while_starting(rehearsal):
    rehearsal.restart("api")
    rehearsal.passes("api")


@pytest.mark.parametrize(
    ("happens", "outcomes"),
    [
        (passes, {"ready": 1}),
        (refuses, {"failed": 1}),
        (is_stopped, {"stopped": 1}),
        (is_late, {"failed": 1}),
        (is_restarted_while_starting, {"stopped": 1, "ready": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_start_has_one_outcome(happens, outcomes):
    """However it ends; a start that is under way has none yet."""
    rehearsal, counters = counted({"api": {**CHECKED}, "keep": {}})
    rehearsal.start()
    assert not any(name == "api.1" for name, _ in counters.starts)
    happens(rehearsal)
    assert {outcome: count for (name, outcome), count in counters.starts.items() if name == "api.1"} == outcomes


def test_health_is_that_of_the_last_check():
    """And there is none where nothing has been checked."""
    rehearsal, counters = up()
    rehearsal.fails("api")
    rehearsal.fails("api")
    found = samples(rehearsal, counters)
    assert found["launcher_service_health", "1", "api"] == 0
    assert found["launcher_service_health_failures", "1", "api"] == 2
    assert found["launcher_service_health", "1", "db"] == 1
    assert ("launcher_service_health", "1", "migrate") not in found


def test_restarts_are_those_that_nobody_asked_for():
    rehearsal, counters = up()
    rehearsal.exits("db", 1)
    rehearsal.advance(1.0)
    rehearsal.restart("api")
    found = samples(rehearsal, counters)
    assert found["launcher_service_restarts_total", "1", "db"] == 1
    assert found["launcher_service_restarts_total", "1", "api"] == 0


def test_output_and_checks_are_counted():
    """Lines and bytes by instance, checks by whether they passed."""
    rehearsal, counters = up()
    counters.printed(Batch(Run("api.1", 1), "api", b"one\ntwo\n", 1.0))
    counters.printed(Batch(Run("api.1", 2), "api", b"three\n", 1.0))
    counters.checked("api.1", Verdict(ok=True, answer="", took=0.002))
    counters.checked("api.1", Verdict(ok=False, answer="", took=9.0))
    found = samples(rehearsal, counters)
    assert found["launcher_service_output_lines_total", "1", "api"] == 3
    assert found["launcher_service_output_bytes_total", "1", "api"] == 14
    assert found["launcher_service_output_lines_total", "1", "db"] == 0
    assert found["launcher_service_probe_seconds_bucket", "0.0025", "passed", "api"] == 1
    assert found["launcher_service_probe_seconds_bucket", "5.0", "failed", "api"] == 0
    assert found["launcher_service_probe_seconds_bucket", "+Inf", "failed", "api"] == 1


def test_what_a_process_uses_is_told_while_there_is_one():
    """Nothing is told of a service that is down."""
    rehearsal, counters = up()
    found = samples(rehearsal, counters)
    assert found["launcher_service_memory_bytes", "pss", "1", "api"] == 4096
    assert found["launcher_service_cpu_seconds_total", "1", "api"] == 1.5
    assert found["launcher_service_open_fds", "1", "api"] == 7
    assert ("launcher_service_processes", "1", "migrate") not in found


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (0.0005, 0), (0.0006, 1), (5.0, len(CHECK_BOUNDS) - 1), (5.1, len(CHECK_BOUNDS))]
)
def test_a_bound_belongs_to_its_bucket(value, bucket):
    """As Prometheus' `le` has it."""
    histogram = Histogram(CHECK_BOUNDS)
    histogram.observe(value)
    assert histogram.counts.index(1) == bucket
    assert histogram.cumulative()[-1] == ("+Inf", 1.0)


def test_a_tree_is_measured_with_its_descendants():
    """A shell and the `cat` that it waits for; what is gone, or never was, is left out."""
    with subprocess.Popen(
        ["sh", "-c", "exec 3<&0; cat <&3 & echo; wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout.readline() == b"\n"
        found = usage_of([shell.pid, 2**22 + 1])
        shell.kill()
        shell.stdin.close()
    assert list(found) == [shell.pid]
    usage = found[shell.pid]
    assert usage.processes == 2
    assert usage.memory > 0
    assert usage.descriptors >= 5
    assert usage.memory_kind == ("pss" if proportional_of(os.getpid()) is not None else "rss")


def test_every_metric_is_in_the_answer_and_no_other():
    """With the kind and the help of the table: the page speaks of what there is."""
    rehearsal, counters = up()
    counters.checked("api.1", Verdict(ok=True, answer="", took=0.002))
    text = render(rehearsal.loop.snapshot, counters, measure=measured).decode()
    kinds = dict(re.findall(r"^# TYPE (launcher_\S+) (\S+)$", text, re.MULTILINE))
    assert kinds == {metric.name: metric.kind for metric in METRICS}
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels == set(metric.labels), metric.name
        assert family.documentation == metric.help


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_keep_to_the_conventions(metric):
    """A counter ends in _total, nothing else does; a unit stands last but for that; no label is Prometheus' own."""
    assert re.fullmatch(r"launcher_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.unit:
        assert metric.name.removesuffix("_total").endswith(f"_{metric.unit}")
    assert not {"instance", "job", "le"} & set(metric.labels)


@needs_promtool
def test_promtool_finds_nothing_to_complain_of():
    """Prometheus' own check of names, types and help."""
    rehearsal, counters = up()
    counters.checked("api.1", Verdict(ok=True, answer="", took=0.002))
    text = render(rehearsal.loop.snapshot, counters, measure=measured)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_client_is_loaded_with_the_first_answer_only():
    """9 MB that a launcher whose metrics nobody reads does without."""
    code = (
        "import sys, launcher.runtime, launcher.observe.metrics; "
        "print([name for name in ('prometheus_client', 'psutil', 'launcher.observe.critical') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"


def test_the_committed_page_is_that_of_the_table():
    """Otherwise it is made anew with the command shown."""
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == metrics_markdown(), f'python -c "{ANEW}"'


def queries():
    """Every query of the dashboard."""
    board = json.loads((ROOT / "examples/grafana/launcher.json").read_text(encoding="utf-8"))
    panels = [panel for top in board["panels"] for panel in (top, *top.get("panels", ()))]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    variables = board["templating"]["list"]
    return found + [str(variable["query"]) for variable in variables if variable["type"] == "query"]


def test_the_dashboard_asks_for_metrics_that_exist():
    """And for labels that they have."""
    names = {series: set(metric.labels) for metric in METRICS for series in metric.series}
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
    seen = set()
    for query in queries():
        for name, matchers in re.findall(r"\b((?:launcher|process)_[a-z_]+)(?:\{([^}]*)\})?", query):
            assert name in names or name in process, query
            seen.add(name)
            asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) - {"job", "instance"}
            assert asked <= names.get(name, set()), query
    assert {metric.name for metric in METRICS if not set(metric.series) & seen} <= {"launcher_info"}


@needs_promtool
def test_every_query_of_the_dashboard_is_one(tmp_path):
    """Prometheus' own parser takes them, with an interval in the place of Grafana's."""
    asked = [query for query in queries() if not query.startswith("label_values")]
    plain = [query.replace("$__rate_interval", "5m").replace("$__range", "1h") for query in asked]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(plain)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
