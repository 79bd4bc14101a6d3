"""The recordings of the course and their events, as two tables and a way to the sound.

``load("brewery")`` works anywhere: it makes synthetic recordings. The other names are real ones,
read from the cache, from a mirror or from the network (:mod:`helpers._download`).
"""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import _loaders, audio
from helpers._sources import DataError, DataMissing

__all__ = ["DataError", "DataMissing", "Dataset", "NAMES", "load"]

ROLES = ("train", "test")
LOADERS = {
    "brewery": lambda: _loaders.brewery(name="brewery"),
    "brewery-large": lambda: _loaders.brewery(name="brewery-large"),
    "brewery-more": lambda: _loaders.brewery(name="brewery-more"),
    "coughs": lambda: _loaders.coughs(mini=False),
    "coughs-mini": lambda: _loaders.coughs(mini=True),
    "coughs-0db": lambda: _loaders.coughs_in_noise(mini=False),
    "coughs-mini-0db": lambda: _loaders.coughs_in_noise(mini=True),
    "airlocks": _loaders.airlocks,
}
NAMES = tuple(LOADERS)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Recordings, the events in them, and where their sound lies.

    Parameters
    ----------
    name
        What :func:`load` was asked for.
    recordings
        One row a recording: filename, duration (seconds), group (what must stay on one side of a
        split), split ("train" or "test"), provenance, and what else is known.
    events
        One row an event: filename, onset, offset (seconds), event_label.
    folder
        Where the sound files lie.
    label
        The label of the events to detect; any other label marks look-alikes.
    synthetic
        Whether a program made the recordings.
    note
        What to keep in mind, in a sentence or two.
    paths
        Filename to path, for files outside ``folder``.
    roles
        Whether each recording has two versions of its sound, one for training and one for
        testing (the backgrounds differ).
    limit
        Longest part of a recording that is used, in seconds, from its start.
    """

    name: str
    recordings: pd.DataFrame
    events: pd.DataFrame
    folder: Path
    label: str
    synthetic: bool
    note: str
    paths: dict[str, Path] = field(default_factory=dict)
    roles: bool = False
    limit: float | None = None

    def path(self, filename: str, *, role: str | None = None) -> Path:
        """Path of the sound file of a recording.

        Parameters
        ----------
        filename
            As in ``recordings``.
        role
            "train" or "test" (the default), for a dataset with two versions of its sound;
            elsewhere it makes no difference.

        Raises
        ------
        DataError
            When the dataset has no such recording, or there is no such role.
        """
        if role not in (None, *ROLES):
            raise DataError(f"role is {role!r}: use 'train' or 'test'")
        if filename not in set(self.recordings["filename"]):
            raise DataError(
                f"{filename!r} is not a recording of {self.name}: look at recordings['filename']"
            )
        if self.roles:
            return self.folder / (role or "test") / filename
        return self.paths.get(filename, self.folder / filename)

    def audio(self, filename: str, *, role: str | None = None) -> np.ndarray:
        """Sound of a recording: float32 of shape (samples,), mono, 16 kHz, in [-1, 1]."""
        path = self.path(filename, role=role)
        return audio.read(path, duration=self.limit, quiet=True)

    def subset(self, filenames: Iterable[str]) -> Dataset:
        """Return the dataset with these recordings only, in the order of the whole.

        Raises
        ------
        DataError
            When a name is not among the recordings.
        """
        wanted = set(filenames)
        unknown = sorted(wanted - set(self.recordings["filename"]))
        if unknown:
            raise DataError(f"{unknown[0]!r} is not a recording of {self.name}")
        return replace(
            self,
            recordings=_rows(self.recordings, wanted),
            events=_rows(self.events, wanted),
        )

    def events_of(self, filename: str, label: str | None = None) -> pd.DataFrame:
        """Events of one recording, of one label or of all, sorted by onset."""
        self.path(filename)
        events = _rows(self.events, {filename})
        if label is not None:
            events = events[events["event_label"] == label].reset_index(drop=True)
        return events

    @property
    def positives(self) -> pd.DataFrame:
        """The events to detect: those that carry ``label``."""
        return self.events[self.events["event_label"] == self.label].reset_index(drop=True)

    def __repr__(self) -> str:
        minutes = self.recordings["duration"].sum() / 60
        made = "synthetic" if self.synthetic else "real"
        return (
            f"<Dataset {self.name} ({made}): {len(self.recordings)} recordings, {minutes:.1f} min, "
            f"{len(self.positives)} events {self.label!r}>"
        )


def load(name: str, *, fallback: str | None = None) -> Dataset:
    """Load a dataset, fetching or making it where that has not been done.

    Parameters
    ----------
    name
        ``"brewery"``: synthetic airlocks, 48 recordings; ``"brewery-large"``: 120 more from the
        same generator and another seed, for benchmarks; ``"brewery-more"``: 600 more to train
        on. ``"coughs"``: 400 real recordings
        with coughs labelled; ``"coughs-mini"``: 135 of them. ``"coughs-0db"`` and
        ``"coughs-mini-0db"``: the same with ESC-10 backgrounds mixed in at 0 dB.
        ``"airlocks"``: real airlocks from published videos.
    fallback
        Name of the dataset to take where ``name`` cannot be had, usually ``"brewery"``. A banner
        says so, and the result is what it is: its ``name`` is the fallback's.

    Returns
    -------
    Dataset

    Raises
    ------
    DataMissing
        When the data is nowhere to be had and there is no fallback.
    DataError
        When the name is unknown, or a file differs from the manifest (a fallback does not hide
        that).

    References
    ----------
    R. V. Sharan, "Cough sound detection from raw waveform using SincNet and bidirectional GRU",
    Biomedical Signal Processing and Control 82, 104580 (2023).
    K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia (2015).
    """
    for wanted in (name,) if fallback is None else (name, fallback):
        if wanted not in LOADERS:
            raise DataError(f"no dataset {wanted!r}: choose from {', '.join(NAMES)}")
    try:
        return Dataset(name=name, **LOADERS[name]())
    except DataMissing as error:
        if fallback is None:
            raise
        reason = str(error)
    stand_in = Dataset(name=fallback, **LOADERS[fallback]())
    kind = "SYNTHETIC" if stand_in.synthetic else "OTHER"
    warning = f"{kind} STAND-IN: {name!r} is not at hand, so everything below shows {fallback!r}."
    _banner(warning, reason)
    return replace(stand_in, note=f"{warning} {stand_in.note}")


def _rows(table: pd.DataFrame, filenames: set[str]) -> pd.DataFrame:
    return table[table["filename"].isin(filenames)].reset_index(drop=True)


def _banner(warning: str, reason: str) -> None:
    """Say it so that nobody can miss it: a red box in a notebook, a framed line elsewhere."""
    line = "!" * min(100, len(warning) + 4)
    text = f"{line}\n! {warning}\n{line}\n{reason}"
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        print(text)
        return
    from IPython.display import display

    home = os.path.expanduser("~")
    box = (
        '<div role="alert" style="border:4px solid #b00020;background:#fff0f0;color:#000;'
        'padding:.8em;font-size:115%">'
        f"<b>&#9888; {html.escape(warning)}</b>"
        f"<pre>{html.escape(reason.replace(home, '~'))}</pre></div>"
    )
    display({"text/html": box, "text/plain": text}, raw=True)
