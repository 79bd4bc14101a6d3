"""JAMS, the JSON file in which scaper and others keep annotations: write it and read it.

An annotation in a JAMS file has a *namespace*, which says what its values mean. Three of them
hold sound events: ``segment_open`` and ``tag_open`` (the value is the label), and ``scaper``,
where the value says which part of which file is heard, and how far above the background.

References
----------
E. J. Humphrey et al., "JAMS: a JSON annotated music specification for reproducible MIR research",
ISMIR (2014).
J. Salamon et al., "Scaper: a library for soundscape synthesis and augmentation", WASPAA (2017).
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from helpers import __version__, _whole
from helpers._events import COLUMNS, LabelError, LabelWarning, check_events

__all__ = ["NAMESPACES", "read", "write", "write_soundscape"]

NAMESPACES = ("scaper", "segment_open", "tag_open")
"""What is read, in this order of preference."""
ROLES = ("foreground", "background")
SOURCES = ("source", "source_time", "snr_db")
_FORMAT = "0.3.5"
# An onset and a duration, added up again, may miss the end by the last bit.
_ROUNDING = 1e-9


def write(path: str | os.PathLike, events: pd.DataFrame, *, duration: float) -> None:
    """Write events as a JAMS file of the namespace ``segment_open``, whole or not at all.

    Parameters
    ----------
    path : path
        The file to write; an older one is replaced in one step.
    events : DataFrame
        Columns onset, offset, event_label; ``score`` becomes the confidence where there is one.
    duration : float
        Length of the recording, in seconds.

    Raises
    ------
    LabelError
        When the events are not valid, or one lies past the end.
    """
    events = _checked(events, path, duration)
    scores = events["score"] if "score" in events else [1.0] * len(events)
    rows = zip(events["onset"], events["offset"], events["event_label"], scores, strict=True)
    data = [_observation(on, off, str(label), float(score)) for on, off, label, score in rows]
    _save(path, "segment_open", data, duration=duration)


def write_soundscape(
    path: str | os.PathLike,
    events: pd.DataFrame,
    *,
    duration: float,
    background: Mapping,
    ref_db: float,
    sample_rate: int = 16_000,
    folders: tuple[str, str] = ("foreground", "background"),
) -> None:
    """Write a soundscape as a JAMS file of the namespace ``scaper``, whole or not at all.

    ``scaper.generate_from_jams`` makes the sound again from the sources, and writes its label
    file, where it finds ``FOREGROUND/LABEL/SOURCE`` and ``BACKGROUND/LABEL/SOURCE``. Onsets,
    lengths and sources are the same then; levels are not, since scaper compares loudness (LUFS)
    and not power. The specification from which a soundscape was drawn is left empty: scaper
    draws no other soundscape from the file.

    Parameters
    ----------
    path : path
        The file to write; an older one is replaced in one step.
    events : DataFrame
        Columns onset, offset, event_label, source (a file's name), source_time (s), snr_db, and
        pitch_shift (semitones) where there is one.
    duration : float
        Length of the soundscape, in seconds.
    background : mapping
        Its label, source and source_time (s).
    ref_db : float
        Level of the background; scaper reads it as LUFS.
    sample_rate : int
        In Hz.
    folders : tuple of str
        Where scaper shall look for foregrounds and for backgrounds, unless it is told otherwise.

    Raises
    ------
    LabelError
        When the events are not valid, lack a column, have no length, or lie past the end.
    """
    events = _checked(events, path, duration)
    _check_sources(events, path)
    folder, behind = folders
    whole = {"onset": 0.0, "offset": duration, "event_label": background["label"]}
    rows = [whole | {name: background[name] for name in SOURCES[:2]} | {"snr_db": 0.0}]
    data = [_event(row, behind, "background") for row in rows]
    data += [_event(row, folder, "foreground") for row in events.to_dict("records")]
    settings = {
        "duration": duration,
        "original_duration": duration,
        "fg_path": folder,
        "bg_path": behind,
        "fg_spec": [],
        "bg_spec": [],
        "fg_labels": sorted(set(events["event_label"])),
        "bg_labels": [background["label"]],
        "protected_labels": [],
        "sr": sample_rate,
        "ref_db": ref_db,
        "n_channels": 1,
        "fade_in_len": 0.01,
        "fade_out_len": 0.01,
        "n_events": len(events),
        "reverb": None,
        "fix_clipping": True,
        "peak_normalization": False,
        "quick_pitch_time": False,
    }
    _save(path, "scaper", data, duration=duration, sandbox={"scaper": settings})


def read(
    path: str | os.PathLike, *, namespace: str | None = None, role: str = "foreground"
) -> pd.DataFrame:
    """Read the events of a JAMS file, whoever wrote it.

    Times are those of the observations, so that a file that scaper has trimmed or stretched is
    read as it sounds.

    Parameters
    ----------
    path : path
        The file.
    namespace : str, optional
        One of `NAMESPACES`; the first of them that the file has when left out.
    role : str
        ``"foreground"`` or ``"background"``, which only scaper tells apart.

    Returns
    -------
    DataFrame
        onset, offset (s), event_label, sorted by onset; from ``scaper`` also source,
        source_time (s) and snr_db.

    Raises
    ------
    LabelError
        Naming the file and the remedy: it cannot be read, is no JAMS, holds no such annotation,
        or holds an event that is none.

    Warns
    -----
    LabelWarning
        When there are several such annotations, of which the first is read.
    """
    if role not in ROLES:
        raise ValueError(f"role is {role!r}: use 'foreground' or 'background'")
    if namespace not in (None, *NAMESPACES):
        raise ValueError(f"namespace is {namespace!r}: use {', '.join(NAMESPACES)}")
    whole = _load(Path(path))
    annotation = _annotation(whole, namespace, path)
    own = annotation["namespace"]
    rows = [
        _row(observation, own, f"{path}, {own} event {number}")
        for number, observation in enumerate(_observations(annotation, path), start=1)
    ]
    chosen = [row for row in rows if row.pop("role", "foreground") == role]
    columns = [*COLUMNS, *(SOURCES if own == "scaper" else ())]
    events = pd.DataFrame(chosen, columns=columns).astype({"event_label": object})
    length = _mapping(whole.get("file_metadata")).get("duration")
    return _within(events, length, path)


def _checked(events: pd.DataFrame, path: str | os.PathLike, duration: float) -> pd.DataFrame:
    if not (math.isfinite(duration) and duration > 0):
        raise LabelError(f"{path}: duration is {duration}: give the recording's length in seconds")
    return check_events(events, duration=duration, name=str(path), overlaps="allow")


def _check_sources(events: pd.DataFrame, path: str | os.PathLike) -> None:
    """Refuse what scaper's namespace cannot hold."""
    missing = [name for name in SOURCES if name not in events]
    if missing:
        raise LabelError(
            f"{path}: no column {', '.join(missing)}; a soundscape needs {', '.join(SOURCES)} "
            "(write() keeps events without them)"
        )
    points = events.index[events["onset"] == events["offset"]]
    if len(points):
        raise LabelError(f"{path}, row {points[0]}: an event of no length; give it an end")
    if not events[list(SOURCES[1:])].apply(lambda column: column.between(-1e6, 1e6)).all(axis=None):
        raise LabelError(f"{path}: a source_time or snr_db is no finite number; mend the events")


def _observation(onset: float, offset: float, value: object, confidence: float) -> dict:
    times = {"time": float(onset), "duration": float(offset) - float(onset)}
    return times | {"value": value, "confidence": None if math.isnan(confidence) else confidence}


def _event(row: Mapping, folder: str, role: str) -> dict:
    """One observation as scaper writes it; it looks for the source by folder, label and name."""
    name, label = str(row["source"]).rsplit("/", 1)[-1], str(row["event_label"])
    pitch = row.get("pitch_shift")
    value = {
        "label": label,
        "source_file": f"{folder}/{label}/{name}",
        "source_time": float(row["source_time"]),
        "event_time": float(row["onset"]),
        "event_duration": float(row["offset"]) - float(row["onset"]),
        "snr": float(row["snr_db"]),
        "role": role,
        "pitch_shift": None if pitch is None or math.isnan(pitch) else float(pitch),
        "time_stretch": None,
    }
    return _observation(row["onset"], row["offset"], value, 1.0)


def _save(
    path: str | os.PathLike,
    namespace: str,
    data: list[dict],
    *,
    duration: float,
    sandbox: Mapping | None = None,
) -> None:
    annotation = {
        "annotation_metadata": {"annotation_tools": f"machine-hearing {__version__}"},
        "namespace": namespace,
        "time": 0.0,
        "duration": float(duration),
        "data": data,
        "sandbox": sandbox or {},
    }
    about = {"duration": float(duration), "jams_version": _FORMAT, "identifiers": {}}
    about |= dict.fromkeys(("title", "artist", "release"), "")
    whole = {"file_metadata": about, "annotations": [annotation], "sandbox": {}}
    _whole.write_text(path, json.dumps(whole, indent=1, allow_nan=False) + "\n")


def _load(path: Path) -> dict:
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise LabelError(f"{path}: not JSON ({error}); a JAMS file is: export it again") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("annotations"), list):
        raise LabelError(f"{path}: JSON without a list of annotations, so no JAMS file")
    return whole


def _annotation(whole: dict, namespace: str | None, path: str | os.PathLike) -> dict:
    """Return the annotation to read: the first of the namespace that is preferred."""
    found = [one for one in whole["annotations"] if isinstance(one, dict)]
    names = [str(one.get("namespace")) for one in found]
    wanted = NAMESPACES if namespace is None else (namespace,)
    chosen = next((name for name in wanted if name in names), None)
    if chosen is None:
        raise LabelError(
            f"{path}: no annotation of the namespace {' or '.join(wanted)}, only "
            f"{', '.join(sorted(set(names))) or 'none at all'}: convert it with the package jams"
        )
    if names.count(chosen) > 1:
        message = f"{path}: {names.count(chosen)} annotations of {chosen}; the first is read"
        warnings.warn(message, LabelWarning, stacklevel=3)
    return found[names.index(chosen)]


def _observations(annotation: dict, path: str | os.PathLike) -> Iterable[object]:
    """Return the observations, which files of old keep as one list for each field."""
    data = annotation.get("data")
    if isinstance(data, list):
        return data
    fields = ("time", "duration", "value")
    columns = [_mapping(data).get(name) for name in fields]
    if all(isinstance(c, list) for c in columns) and len({len(c) for c in columns}) == 1:
        return [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)]
    raise LabelError(f"{path}: the annotation has no list of observations: export it again")


def _row(observation: object, namespace: str, where: str) -> dict:
    """Turn an observation into a row of events."""
    own = _mapping(observation)
    value, onset = own.get("value"), _number(own.get("time"), where, "time")
    row = {"onset": onset, "offset": onset + _number(own.get("duration"), where, "duration")}
    if namespace != "scaper":
        if not isinstance(value, str):
            raise LabelError(f"{where}: value is {value!r}; {namespace} holds text: mend the file")
        return row | {"event_label": value}
    value = _mapping(value)
    if not isinstance(value.get("label"), str) or value.get("role") not in ROLES:
        raise LabelError(f"{where}: no label or no role in its value: write it again with scaper")
    row |= {"event_label": value["label"], "role": value["role"]}
    time, snr = (_number(value.get(name), where, name) for name in ("source_time", "snr"))
    return row | {"source": value.get("source_file"), "source_time": time, "snr_db": snr}


def _number(value: object, where: str, what: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise LabelError(f"{where}: {what} is {value!r}; it must be a number: mend the file")


def _mapping(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _within(events: pd.DataFrame, length: object, path: str | os.PathLike) -> pd.DataFrame:
    """Check the events against the recording's length, where the file tells it."""
    known = isinstance(length, int | float) and length > 0
    if known:
        late = (events["offset"] > length) & (events["offset"] <= length + _ROUNDING)
        events = events.assign(offset=events["offset"].mask(late, length))
    duration = float(length) if known else None
    return check_events(events, duration=duration, name=str(path), overlaps="allow")
