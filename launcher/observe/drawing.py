"""A timeline as an SVG picture, and in the trace format that chrome://tracing and ui.perfetto.dev read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from launcher.observe.timeline import UP, Row, Timeline

#: Pixels: a row's height, the room for names and for figures, the room for the bars.
LINE, NAMES, FIGURES, BARS = 22, 180, 130, 640
TOP = 52

WAITING, STARTING, CRITICAL, LOST = "#c9ced6", "#4c8dd6", "#e08a1e", "#c0392b"

_MICRO = 1_000_000


def svg(timeline: Timeline) -> str:
    """The waterfall as a picture that stands alone: grey waits, blue starts, orange is the critical path."""
    from xml.sax.saxutils import escape  # noqa: PLC0415  (with the picture only)

    width, height = NAMES + BARS + FIGURES, TOP + LINE * len(timeline.rows) + 12 + 18 * len(timeline.advice)
    scale = BARS / max(timeline.took, 1e-9)
    place = {row.label: number for number, row in enumerate(timeline.rows)}
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f'<rect {size} fill="#ffffff"/>',
        f'<text x="8" y="20" font-size="14">start-up of {escape(timeline.profile)}: {timeline.took:.2f} s</text>',
        *_ruler(timeline, scale),
    ]
    for row in timeline.rows:
        parts += _svg_row(row, place[row.label], timeline, scale, escape(row.label))
    for row in timeline.rows:
        if row.waited_for in place and row.launched is not None:
            x = NAMES + row.launched * scale
            start, end = (TOP + LINE * place[label] + LINE / 2 for label in (row.waited_for, row.label))
            parts.append(f'<path d="M{x:.1f} {start:.1f}V{end:.1f}" stroke="#666666" stroke-dasharray="2 2"/>')
    for number, sentence in enumerate(timeline.advice):
        y = TOP + LINE * len(timeline.rows) + 22 + 18 * number
        parts.append(f'<text x="8" y="{y}">{escape(sentence)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _ruler(timeline: Timeline, scale: float) -> Iterator[str]:
    for tenth in range(0, 11, 2):
        at = timeline.took * tenth / 10
        x = NAMES + at * scale
        yield f'<text x="{x:.1f}" y="{TOP - 8}" fill="#666666" text-anchor="middle">{at:.2f} s</text>'


def _svg_row(row: Row, number: int, timeline: Timeline, scale: float, label: str) -> Iterator[str]:
    y = TOP + LINE * number
    ended = timeline.took if row.ended is None else row.ended
    launched = ended if row.launched is None else row.launched
    fill = CRITICAL if row.label in timeline.critical else STARTING
    if row.ended is not None and row.state not in UP:
        fill = LOST
    yield f'<text x="8" y="{y + 15}">{label}</text>'
    for begin, end, colour, what in ((row.asked, launched, WAITING, "waited"), (launched, ended, fill, "started")):
        if end > begin or (what == "started" and row.launched is not None):
            x, wide = NAMES + begin * scale, max(1.0, (end - begin) * scale)
            title = f"<title>{label} {what} for {end - begin:.3f} s</title>"
            yield f'<rect x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="{LINE - 6}" fill="{colour}">{title}</rect>'
    yield f'<text x="{NAMES + BARS + 8}" y="{y + 15}">{row.state} at {ended:.2f} s</text>'


def trace(timeline: Timeline) -> dict[str, Any]:
    """The trace event format: a track for each instance, complete events for waiting and starting, arrows for gates."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": f"launcher {timeline.profile}"}}
    ]
    track = {row.label: number for number, row in enumerate(timeline.rows, 1)}
    for row in timeline.rows:
        events += _track(row, track, timeline.took)
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _track(row: Row, track: dict[str, int], now: float) -> Iterator[dict[str, Any]]:
    common = {"pid": 1, "tid": track[row.label]}
    yield {**common, "ph": "M", "name": "thread_name", "args": {"name": row.label}}
    yield {**common, "ph": "M", "name": "thread_sort_index", "args": {"sort_index": track[row.label]}}
    ended = now if row.ended is None else row.ended
    launched = ended if row.launched is None else row.launched
    if launched > row.asked:
        gates = {gate.dependency: gate.condition for gate in row.gates}
        yield {**common, **_span("wait", f"{row.label} waits", row.asked, launched), "args": {"gates": gates}}
    if row.launched is None:
        return
    known = {"state": row.state.value, "attempts": row.attempts, "import_seconds": row.imported}
    yield {**common, **_span("start", f"{row.label} starts", launched, ended), "args": known}
    if row.waited_for in track:
        opened = max(gate.opened for gate in row.gates if gate.opened is not None)
        flow = {"cat": "gate", "name": f"{row.waited_for} → {row.label}", "id": track[row.label], "pid": 1}
        yield {**flow, "ph": "s", "tid": track[row.waited_for], "ts": round(opened * _MICRO) - 1}
        yield {**flow, "ph": "f", "bp": "e", "tid": track[row.label], "ts": round(launched * _MICRO)}


def _span(category: str, name: str, begin: float, end: float) -> dict[str, Any]:
    ts = round(begin * _MICRO)
    return {"ph": "X", "cat": category, "name": name, "ts": ts, "dur": round(end * _MICRO) - ts}
