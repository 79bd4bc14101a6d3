"""The page as widgets, which look at the database again whenever the browser asks.

The browser asks every few seconds (see the template), not the kernel: a page that nobody sees any
more costs nothing, and is ended by the server after some minutes.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import ipywidgets

from helpers.apps.journal import JournalError
from helpers.apps.page import _figures, _spectrogram, _time, _words
from helpers.apps.page._look import VARIABLE, Look, look

PARTS = (
    "style",
    "trouble",
    "state",
    "rate",
    "plops",
    "alive",
    "alarms",
    "rates",
    "spectrogram",
    "totals",
    "notices",
    "beat",
)

log = logging.getLogger(__name__)


class Page:
    """Widgets that show a database.

    Parameters
    ----------
    database : path, optional
        By default what ``HEARING_TRACKER_DB`` names.
    clock : callable
        Gives unix seconds.
    """

    def __init__(
        self, database: str | Path | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        named = database or os.environ.get(VARIABLE)
        self.path = Path(named) if named else None
        self._clock = clock
        self._look: Look | None = None
        self._read: float | None = None
        self._drawn: object = None  # what the curves were drawn from
        self.parts = {name: ipywidgets.HTML() for name in PARTS}
        for name, part in self.parts.items():
            part.add_class(f"tracker-{name}")
        style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
        self.parts["style"].value = f"<style>{style}</style>"
        again = ipywidgets.Button(description="Look again")
        again.add_class("tracker-again")
        again.on_click(lambda _: self.refresh())
        self.box = ipywidgets.VBox([*self.parts.values(), again])
        self.box.add_class("tracker")
        self.refresh()

    def refresh(self) -> None:
        """Look at the database and show it, or say why that cannot be done."""
        now = self._clock()
        problem = self._try_to_look(now)
        self.parts["trouble"].value = _words.trouble(problem, read=self._read) if problem else ""
        if self._look is not None:
            self._say(self._look, now)
            self._draw(self._look)
        self.parts["beat"].value = _words.beat(now)

    def _try_to_look(self, now: float) -> str:
        """Look; return what went wrong."""
        if self.path is None:
            return (
                f"{VARIABLE} names no database: start this page with "
                "python -m helpers.apps.page --database PATH"
            )
        try:
            self._look, self._read = look(self.path, self._look), now
        except JournalError as error:
            return str(error)
        except Exception as error:  # whatever it is, the page must go on
            log.exception("looking at %s", self.path)
            return f"{self.path}: cannot be shown ({type(error).__name__}: {error})"
        return ""

    def _say(self, seen: Look, now: float) -> None:
        self.parts["state"].value = _words.state(seen, now=now)
        self.parts["rate"].value = _words.rate(seen.last, now=now)
        self.parts["plops"].value = _words.plops(seen)
        self.parts["alive"].value = _words.alive(seen, now=now)
        self.parts["alarms"].value = _words.alarm_list(seen, now=now)
        self.parts["notices"].value = _words.notice_list(seen.notices)

    def _draw(self, seen: Look) -> None:
        self._draw_picture(seen)
        drawn = (seen.minutes, seen.alarms)
        if drawn == self._drawn:  # two weeks take a moment, and change once a minute
            return
        self._drawn = drawn
        wide, narrow = (
            _figures.rate_svg(seen.minutes, alarms=seen.alarms, size=size)
            for size in (_figures.WIDE, _figures.NARROW)
        )
        both = f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
        self.parts["rates"].value = _titled(
            "Bubbles per minute",
            both if wide else "",
            "Line: the rate. Pale band: its 95 % interval. Both are open where nothing was heard. "
            "A wedge marks an alarm, shaded while it lasted.",
        )
        totals = _figures.plops_svg(seen.minutes, size=_spectrogram.SIZE)
        self.parts["totals"].value = _titled(
            "Plops in all", totals, "Those that were heard; open where nothing was heard."
        )

    def _draw_picture(self, seen: Look) -> None:
        drawn, title = "", "The last minute"
        if seen.picture:
            drawn = _spectrogram.spectrogram_svg(seen.picture, seen.events)
            title = f"The minute up to {_time.clock(seen.picture.time, seconds=True)}"
        legend = "Low to high sound, louder is lighter. A wedge stands above each plop counted."
        self.parts["spectrogram"].value = _titled(title, drawn, legend)


def _titled(title: str, drawn: str, legend: str) -> str:
    """Put a title above a drawing and a legend below."""
    if not drawn:
        return f"<h2>{title}</h2><p>Nothing to draw yet.</p>"
    return f"<h2>{title}</h2><figure>{drawn}<figcaption>{legend}</figcaption></figure>"
