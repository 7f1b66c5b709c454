"""Resource limits as lines for `sh`, which set them before it becomes the program; wherever a program is started."""

from __future__ import annotations

from launcher.profile.model import Limits


def limiting(limits: Limits) -> list[str]:
    """The lines; none where nothing is limited. One that the system refuses ends the start with 126."""
    lines = []
    if limits.open_files is not None:
        lines.append(f"ulimit -n {limits.open_files} || exit 126")
    if limits.memory is not None:
        lines.append(f"ulimit -d {max(1, limits.memory // 1024)} || exit 126")
    return lines
