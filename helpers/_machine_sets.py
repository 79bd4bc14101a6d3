"""How the synthetic machines are loaded: ``machines/fan@6dB`` and the vibration of a fan.

Each kind and level is one artefact of the store; ``machines`` joins the four kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pandas as pd

from helpers import _loaders, _vibration
from helpers._sources import DataError

KINDS = ("fan", "pump", "slider", "valve")
LEVELS = (-6, 0, 6)
"""Decibels of the machine over the background."""
NAMES = ("machines", *(f"machines/{kind}" for kind in KINDS))
"""The names at 0 dB; each may be followed by @-6dB, @0dB or @6dB."""
FORM = re.compile(r"machines(?:/(?P<kind>\w+))?(?:@(?P<level>-?\d+)dB)?")
NOTE = (
    "Synthetic machines, background at {level:g} dB; a group is a session. An anomaly of severity "
    "0 is a normal clip in all but its name: score by severity."
)


def loader(name: str) -> Callable[[], dict]:
    """Find what makes the fields of the dataset of this name.

    Raises
    ------
    DataError
        When there is no such kind of machine or no such level.
    """
    found = FORM.fullmatch(name)
    kind = found and found["kind"]
    level = int(found["level"] or 0) if found else None
    if level not in LEVELS or kind not in (None, *KINDS):
        raise DataError(
            f"no dataset {name!r}: choose from {', '.join(NAMES)}, each at 0 dB, or followed by "
            "@-6dB or @6dB"
        )
    return partial(machines, KINDS if kind is None else (kind,), level)


def machines(kinds: tuple[str, ...], level: int) -> dict:
    """Make the clips of some kinds of machine, once for each state of the generator."""
    suffix = "" if level == 0 else f"@{level}dB"
    parts = [_loaders._generated("machines", f"machines/{kind}{suffix}") for kind in kinds]
    paths = {
        filename: part["folder"] / filename
        for part in parts
        for filename in part["recordings"]["filename"]
    }
    return {
        "recordings": pd.concat([part["recordings"] for part in parts], ignore_index=True),
        "events": parts[0]["events"],
        "folder": parts[0]["folder"],
        "label": None,
        "synthetic": True,
        "note": NOTE.format(level=level),
        "paths": paths,
    }


def vibration() -> dict:
    """Make the vibration of a ceiling fan, once for each state of the generator."""
    made = _loaders._generated("vibration", "machines-vibration")
    table = _vibration.read_folder(made["folder"], provenance="synthetic")
    return made | {
        "recordings": table.merge(made["recordings"], on="filename", validate="one_to_one"),
        "label": None,
        "note": "Synthetic vibration of a ceiling fan in g, in the layout of 'ceiling-fan'. Each "
        "condition is one session of its own tilt: the mean of an axis tells sessions apart, and "
        "no fault. A group is a block of consecutive files; 'split' is ours.",
    }
