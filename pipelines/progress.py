"""One progress bar with speed and time left, on a terminal only."""

import contextlib
import sys
from collections.abc import Callable, Iterator

Advance = Callable[[int, int | None], None]
"""Takes how many frames or files are done, and how many there are (None if unknown)."""


def silent(done: int, total: int | None) -> None:
    """Show nothing."""


@contextlib.contextmanager
def progress_bar(label: str, is_shown: bool = True, unit: str = "frames") -> Iterator[Advance]:
    """Yield a function that moves a bar on stderr; does nothing where that is no terminal."""
    if not (is_shown and sys.stderr.isatty()):
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s")

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total}"),
        Speed(),
        TimeLeft(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
