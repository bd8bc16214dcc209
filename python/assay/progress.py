"""A bar at a terminal, a line now and then anywhere else."""
from __future__ import annotations

import shutil
import sys
import time
from typing import Optional, TextIO

_EVERY_LINE_S = 10.0


def _span(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = int(seconds + 0.5) // 60
    return f"{minutes} min {int(seconds + 0.5) % 60:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """Shows how far something is: `show` as often as one likes, `note` for a line that stays, `end` at the end."""

    def __init__(self, quiet: bool = False, stream: Optional[TextIO] = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._quiet = quiet
        self._open = False
        self._first: Optional[int] = None
        self._started = time.monotonic()
        self._shown = self._started

    def show(self, done: int, total: int, figures: str) -> None:
        """`done` of `total`, and what there is to say beside it."""
        if self._quiet:
            return
        now = time.monotonic()
        if self._first is None:
            self._first, self._started = done, now
        ended = done >= total
        if not self._terminal and not ended and now - self._shown < _EVERY_LINE_S:
            return
        self._shown = now
        spent = now - self._started
        left = f"in {_span(spent)}" if ended else "?"
        if not ended and done > self._first:
            left = _span(spent * (total - done) / (done - self._first)) + " left"
        text = f"update {done}/{total} · {figures} · {left}"
        if not self._terminal:
            print(text, file=self._stream, flush=True)
            return
        share = done / total if total else 1.0
        cells = max(0, min(24, shutil.get_terminal_size().columns - len(text) - 9))
        full = int(share * cells)
        bar = "█" * full + "░" * (cells - full)
        line = f"{bar} {share:4.0%}  {text}"[:shutil.get_terminal_size().columns - 1]
        print(f"\r{line}\x1b[K", end="\n" if ended else "", file=self._stream, flush=True)
        self._open = not ended

    def note(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        self.end()
        print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """Leaves the bar's line."""
        if self._open:
            print(file=self._stream, flush=True)
        self._open = False
