"""Review proposals one by one: look, listen, keep, drop or shift; the file is saved as you go.

:class:`ReviewSession` holds the whole logic and needs no browser. :func:`review` puts buttons,
a spectrogram and a player around it, all with basic ipywidgets. What is undecided is saved with
a question mark behind its label, so an interrupted review goes on where it stopped and nobody
takes a proposal for a label.
"""

from __future__ import annotations

import base64
import html
import io
import os

import numpy as np
import pandas as pd

from helpers._player import mp3
from helpers.apps._review_session import DROPPED, KEPT, UNDECIDED, Item, ReviewSession
from helpers.features import FrontEnd

__all__ = ["DROPPED", "KEPT", "UNDECIDED", "Item", "ReviewSession", "review", "spectrogram_png"]

FINE, COARSE = 0.01, 0.05  # seconds a shift


def spectrogram_png(session: ReviewSession, *, front_end: FrontEnd | None = None) -> bytes:
    """Draw what is shown around the event at hand, as a PNG.

    Parameters
    ----------
    session : ReviewSession
    front_end : FrontEnd, optional
        By default 64 mel bands at the session's sample rate.

    Returns
    -------
    bytes
    """
    from matplotlib.figure import Figure

    from helpers import plot

    front_end = front_end or FrontEnd(
        sample_rate=session.sample_rate, fmax=min(8000.0, session.sample_rate / 2)
    )
    start, stop = session.view()
    figure = Figure(figsize=(8, 2.8), dpi=80, layout="constrained")
    ax = figure.add_subplot()
    clip = session.clip() if len(session.samples) else np.zeros(front_end.n_fft, np.float32)
    plot.spectrogram(
        front_end.log_mel(clip), front_end=front_end, ax=ax, start=start, colour_bar=False
    )
    for item in session.items:
        here = item is session.current
        if item.status == DROPPED and not here:
            continue
        style = "-" if here else ":"
        for time in (item.onset, item.offset):
            if start <= time <= stop:
                ax.axvline(time, color="white", linestyle=style, linewidth=2 if here else 1)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def review(
    samples: np.ndarray,
    events: pd.DataFrame,
    *,
    path: str | os.PathLike,
    sample_rate: int = 16_000,
    context: float = 0.75,
):
    """Show the review in a notebook. The parameters are those of :class:`ReviewSession`.

    Returns
    -------
    ipywidgets.VBox
        Its attribute ``session`` is the :class:`ReviewSession`.
    """
    session = ReviewSession(samples, events, path=path, sample_rate=sample_rate, context=context)
    return _Page(session).box


class _Page:
    """Buttons, keys, picture and player around a session."""

    # key, word on the button, what it does; a capital key shifts by the coarse step
    ACTIONS = (
        ("p", "play", lambda s: None),
        ("k", "keep", lambda s: s.keep()),
        ("d", "drop", lambda s: s.drop()),
        ("n", "next", lambda s: s.go(1)),
        ("b", "back", lambda s: s.go(-1)),
        ("h", "onset earlier", lambda s: s.shift(onset=-FINE)),
        ("l", "onset later", lambda s: s.shift(onset=FINE)),
        ("H", "onset −50 ms", lambda s: s.shift(onset=-COARSE)),
        ("L", "onset +50 ms", lambda s: s.shift(onset=COARSE)),
        ("j", "offset earlier", lambda s: s.shift(offset=-FINE)),
        ("m", "offset later", lambda s: s.shift(offset=FINE)),
        ("u", "undo", lambda s: s.undo()),
    )
    QUIET = ("play", "next", "back")  # change nothing that is saved

    def __init__(self, session: ReviewSession):
        import ipywidgets

        self.session = session
        self.picture = ipywidgets.HTML()
        self.player = ipywidgets.Audio(autoplay=False, loop=False, format="mp3")
        self.told = ipywidgets.HTML()
        self.keys = ipywidgets.Text(
            description="keys", placeholder="click here, then press the letters on the buttons"
        )
        self.keys.layout.width = "30em"
        self.onset = ipywidgets.BoundedFloatText(
            description="add at (s)", min=0, max=session.duration, step=0.01
        )
        self.doings = {key: (word, action) for key, word, action in self.ACTIONS}
        self.doings["a"] = ("add", lambda s: s.add(self.onset.value))
        self.buttons = {word: self._button(key, word) for key, (word, _) in self.doings.items()}
        self.keys.observe(self._typed, names="value")
        rows = (("play", "keep", "drop", "next", "back", "undo"), list(self.buttons)[5:11])
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        self.box = ipywidgets.VBox(
            [
                self.told,
                self.picture,
                self.player,
                *(
                    ipywidgets.HBox([self.buttons[word] for word in row], layout=wrap)
                    for row in rows
                ),
                ipywidgets.HBox([self.onset, self.buttons["add"]]),
                self.keys,
            ]
        )
        self.box.session = session
        self._show()

    def _button(self, key: str, word: str):
        import ipywidgets

        button = ipywidgets.Button(description=f"{word} ({key})", tooltip=f"{word}, key {key}")
        button.layout.width, button.layout.flex = "auto", "0 0 auto"
        button.on_click(lambda _: self._do(key))
        return button

    def _typed(self, change) -> None:
        for key in change["new"]:
            self._do(key)
        if change["new"]:
            self.keys.value = ""

    def _do(self, key: str) -> None:
        if key not in self.doings:
            return
        word, action = self.doings[key]
        problem = ""
        try:
            action(self.session)
            if word not in self.QUIET:
                self.session.save()
        except (OSError, ValueError) as error:
            problem = f"not saved: {error}"
        self._show(play=word == "play", problem=problem)

    def _show(self, *, play: bool = False, problem: str = "") -> None:
        session = self.session
        start, stop = session.view()
        image = base64.b64encode(spectrogram_png(session)).decode("ascii")
        alt = f"Spectrogram from {start:.2f} to {stop:.2f} s; solid lines mark the event at hand"
        self.picture.value = (
            f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{image}">'
        )
        self.player.autoplay = play
        self.player.value = b""  # the same sound again plays again
        self.player.value = mp3(session.clip(), session.sample_rate)
        self.onset.value = round(min(stop, session.duration), 2)
        told = html.escape(problem or session.status())
        self.told.value = f'<div role="status">{told}</div>'
