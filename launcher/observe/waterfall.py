"""A timeline as text: a waterfall that fits the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from msgspec import Struct

from launcher.observe.timeline import UP, Row, Timeline

#: A bar is never made narrower than this, and no name is given more columns than this.
NARROWEST, WIDEST_NAME = 10, 28
#: Below this width the figures are left out.
ROOMY = 60

HEADING = "waited  started"


class Strokes(Struct, frozen=True):
    """What bars are drawn with: waiting, starting, and starting on the critical path."""

    waiting: str
    starting: str
    critical: str


BLOCKS = Strokes("·", "▒", "█")
#: For terminals that know no more than ASCII.
ASCII = Strokes(".", "=", "#")


def waterfall(timeline: Timeline, *, width: int, strokes: Strokes = BLOCKS, colour: bool = False) -> str:
    """A line for each instance, the critical path marked with `*`, and the sentences on what would shorten it."""
    if not timeline.rows:
        return "nothing has been started yet"
    lines = [*wrap(_title(timeline), width), ""]
    lines += _bars(timeline, width, strokes, colour=colour)
    legend = (
        f"{strokes.waiting} waits   {strokes.starting} starts   {strokes.critical} starts, on the critical path (*)"
    )
    lines += ["", *wrap(legend, width, break_long_words=False)]
    if timeline.advice:
        lines.append("")
        for sentence in timeline.advice:
            lines += wrap(sentence, width, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines)


def _title(timeline: Timeline) -> str:
    count = len(timeline.rows)
    noun = "service" if count == 1 else "services"
    lost = [row.label for row in timeline.rows if row.ended is not None and row.state not in UP]
    if not timeline.over:
        end = f"under way for {timeline.took:.2f} s"
    elif lost:
        end = f"over after {timeline.took:.2f} s, without {', '.join(lost)}"
    else:
        end = f"all up after {timeline.took:.2f} s"
    return f"start-up of {timeline.profile}: {count} {noun}, {end}"


def _bars(timeline: Timeline, width: int, strokes: Strokes, *, colour: bool) -> Iterator[str]:
    name_width = min(WIDEST_NAME, max(len(row.label) for row in timeline.rows), max(4, width // 3))
    figures = width >= ROOMY
    used = 2 + name_width + 1 + (2 + len(HEADING) + 11 if figures else 0)
    columns = max(NARROWEST, width - used)
    scale = columns / max(timeline.took, 1e-9)
    if figures:
        yield " " * (2 + name_width + 1 + columns + 2) + HEADING
    for row in timeline.rows:
        is_critical = row.label in timeline.critical
        name = row.label if len(row.label) <= name_width else f"{row.label[: name_width - 1]}…"
        first, middle, last = _span(row, timeline.took, columns, scale)
        starting = strokes.critical if is_critical else strokes.starting
        bar = (" " * first + strokes.waiting * (middle - first) + starting * (last - middle)).ljust(columns)
        if colour and is_critical:
            bar = f"\033[33m{bar}\033[0m"
        line = f"{'*' if is_critical else ' '} {name.ljust(name_width)} {bar}"
        yield (f"{line}  {_figures(row, timeline.took)}" if figures else line).rstrip()


def _span(row: Row, now: float, columns: int, scale: float) -> tuple[int, int, int]:
    """The columns where waiting begins, where starting begins, and where that ends."""
    launched = row.launched if row.launched is not None else (now if row.ended is None else row.ended)
    ended = now if row.ended is None else row.ended
    first, middle, last = (min(columns, round(at * scale)) for at in (row.asked, launched, ended))
    if row.launched is not None and last == middle:  # whatever was started is seen
        middle, last = (middle, last + 1) if middle < columns else (middle - 1, last)
    return min(first, middle), middle, last


def _figures(row: Row, now: float) -> str:
    waited = (row.launched if row.launched is not None else (now if row.ended is None else row.ended)) - row.asked
    started = "" if row.launched is None else f"{(now if row.ended is None else row.ended) - row.launched:.2f}"
    # What a terminal has no room for would break the line: the longest state has nine letters.
    return f"{waited:6.2f}  {started:>7}  {row.state}"
