"""The recordings of the course and their events, as two tables and a way to the sound.

``load("brewery")`` and ``load("everyday")`` work anywhere: they make synthetic recordings. The
other names are real ones, read from the cache, from a mirror or from the network
(:mod:`helpers._download`). A recording either holds events to detect, or is a clip that is
classified as a whole; the column ``label`` of ``recordings`` then names its class.
"""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import (
    _dcase,
    _esc10,
    _loaders,
    _machine_sets,
    _mimii_samples,
    _soundata,
    _vibration,
    audio,
)
from helpers._sources import DataError, DataMissing

__all__ = ["DataError", "DataMissing", "Dataset", "NAMES", "from_folder", "load"]

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
    "everyday": _loaders.everyday,
    "esc10": _esc10.esc10,
    "esc50": lambda: _soundata.clips("esc50"),
    "urbansound8k": lambda: _soundata.clips("urbansound8k"),
    "ceiling-fan": _vibration.ceiling_fan,
    "mimii-samples": _mimii_samples.mimii_samples,
    "machines-vibration": _machine_sets.vibration,
}
FAMILIES = {
    "machines": _machine_sets.loader,
    "dcase2020": _dcase.loader,
    "dcase2021": _dcase.loader,
}
"""What gives the loader of a name such as ``machines/fan@6dB``, by the first part of the name."""
NAMES = (*LOADERS, *_machine_sets.NAMES, *_dcase.NAMES)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Recordings, the events in them, and where their sound lies.

    Parameters
    ----------
    name
        What :func:`load` was asked for.
    recordings
        One row a recording: filename, duration (seconds), group (what must stay on one side of a
        split), provenance, and what else is known. Recordings with events have split ("train" or
        "test"); clips have label (their class) and fold (upstream's own number).
    events
        One row an event: filename, onset, offset (seconds), event_label.
    folder
        Where the sound files lie.
    label
        The label of the events to detect; any other label marks look-alikes. None for clips that
        are classified.
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
    channel
        The channel that is read of a file with several, counted from 0; their mean when None.
    """

    name: str
    recordings: pd.DataFrame
    events: pd.DataFrame
    folder: Path
    label: str | None
    synthetic: bool
    note: str
    paths: dict[str, Path] = field(default_factory=dict)
    roles: bool = False
    limit: float | None = None
    channel: int | None = None

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
        if path.suffix == ".csv":
            raise DataError(f"{self.name} holds vibration, not sound: use signal({filename!r})")
        return audio.read(path, duration=self.limit, channel=self.channel, quiet=True)

    def signal(self, filename: str) -> np.ndarray:
        """Vibration of a recording: float32 of shape (samples, 3), in g, one column an axis.

        Its rate in Hz is in the column ``sample_rate`` of ``recordings``.

        Raises
        ------
        DataError
            When the dataset holds sound, or the file is no table of three columns of numbers.
        """
        path = self.path(filename)
        if path.suffix != ".csv":
            raise DataError(f"{self.name} holds sound, not vibration: use audio({filename!r})")
        return _vibration.read(path)

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
        """The events to detect: those that carry ``label``.

        Raises
        ------
        DataError
            When the dataset labels clips, so that there is nothing to detect.
        """
        if self.label is None:
            raise DataError(
                f"{self.name} labels clips, not events to detect: use recordings['label']"
            )
        return self.events[self.events["event_label"] == self.label].reset_index(drop=True)

    @property
    def labels(self) -> list[str]:
        """Sorted names: of the classes of the clips, or of the labels of the events."""
        clips = self.label is None
        names = self.recordings["label"] if clips else self.events["event_label"]
        return sorted(names.unique())

    def __repr__(self) -> str:
        minutes = self.recordings["duration"].sum() / 60
        made = "synthetic" if self.synthetic else "real"
        if self.label is None:
            what, found = "clips", f"{len(self.labels)} classes"
        else:
            what, found = "recordings", f"{len(self.positives)} events {self.label!r}"
        return (
            f"<Dataset {self.name} ({made}): {len(self.recordings)} {what}, {minutes:.1f} min, "
            f"{found}>"
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
        ``"airlocks"``: real airlocks from published videos. Clips with a class each:
        ``"everyday"``, 400 synthetic ones; ``"esc10"``, 400 real ones; ``"esc50"`` and
        ``"urbansound8k"``, real, non-commercial and large, only where they have been put by hand
        (see :func:`from_folder`). Clips of machines, normal or not: ``"machines/fan"``, pump,
        slider and valve, synthetic, with the background at 0 dB, and ``"machines/fan@-6dB"`` or
        ``"machines/fan@6dB"``; ``"machines"`` and ``"machines@6dB"`` are all four kinds.
        ``"machines-vibration"``: a synthetic stand-in for a real accelerometer on a ceiling fan,
        ``"ceiling-fan"``: that one (see :meth:`Dataset.signal`). ``"dcase2020/fan"`` and so on,
        ``"dcase2021/fan"`` and so on: real machines, non-commercial and over a gigabyte each.
        ``"mimii-samples"``: a few of them, to listen to.
    fallback
        Name of the dataset to take where ``name`` cannot be had, usually ``"brewery"``, for clips
        ``"everyday"``. A banner says so, and the result is what it is: its ``name`` is the
        fallback's.

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
    J. Salamon, C. Jacoby and J. P. Bello, "A dataset and taxonomy for urban sound research", ACM
    Multimedia (2014).
    Y. Koizumi et al., "Description and discussion on DCASE2020 challenge task 2", DCASE Workshop
    (2020); Y. Kawaguchi et al., the same for 2021, arXiv 2106.04492.
    H. Purohit et al., "MIMII dataset", DCASE Workshop (2019).
    """
    make = _loader(name)
    make_fallback = None if fallback is None else _loader(fallback)
    try:
        return Dataset(name=name, **make())
    except DataMissing as error:
        if make_fallback is None:
            raise
        reason = str(error)
    stand_in = Dataset(name=fallback, **make_fallback())
    kind = "SYNTHETIC" if stand_in.synthetic else "OTHER"
    warning = f"{kind} STAND-IN: {name!r} is not at hand, so everything below shows {fallback!r}."
    _banner(warning, reason)
    return replace(stand_in, note=f"{warning} {stand_in.note}")


def from_folder(
    name: str, folder: str | os.PathLike, *, index: str | os.PathLike | None = None
) -> Dataset:
    """Load a dataset from a folder of your own that is laid out as upstream.

    Parameters
    ----------
    name
        ``"esc50"`` or ``"urbansound8k"``; ``"dcase2020/fan"`` or another of the DCASE sets, also
        for machines that you recorded; ``"ceiling-fan"``, also for vibration that you recorded.
    folder
        Where the data lies; soundata calls it data_home. A part of the clips is enough.
    index
        For the first two, an index of your own in soundata's format (paths and MD5 sums), for a
        made or cut-down folder; soundata's official one when left out.

    Returns
    -------
    Dataset

    Raises
    ------
    DataMissing
        When there is no index, no table of metadata, or no clip.
    DataError
        When the name is another, a file differs from the index, or is not named as upstream.
    """
    if name not in _soundata.LAYOUTS and index is not None:
        raise DataError(f"{name!r} has no index: leave index out")
    if name in _dcase.NAMES:
        return Dataset(name=name, **_dcase.clips(name, folder=Path(folder)))
    if name == "ceiling-fan":
        return Dataset(name=name, **_vibration.ceiling_fan(Path(folder)))
    if name not in _soundata.LAYOUTS:
        known = [*_soundata.LAYOUTS, *_dcase.NAMES, "ceiling-fan"]
        raise DataError(f"no folder is read for {name!r}: {' or '.join(known)}")
    index = None if index is None else Path(index)
    return Dataset(name=name, **_soundata.clips(name, folder=Path(folder), index=index))


def _loader(name: str) -> Callable[[], dict]:
    """Return what makes the fields of a dataset: a plain name, or ``family/kind@level``."""
    if name in LOADERS:
        return LOADERS[name]
    family = re.split("[/@]", name)[0]
    if family not in FAMILIES:
        raise DataError(f"no dataset {name!r}: choose from {', '.join(NAMES)}")
    return FAMILIES[family](name)


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
