"""What a person may ask the collector for, turned into a safe file name and an address."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pandas as pd

from helpers import store

YOUTUBE = "https://www.youtube.com/watch?v={id}"
YOUTUBE_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com")
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CollectError(ValueError):
    """What was asked for cannot be done; nothing was fetched."""


@dataclass(frozen=True)
class Wanted:
    """One recording asked for: its name here and the address of its page."""

    key: str
    address: str

    @classmethod
    def of(cls, item: str, address: str) -> Wanted:
        """Read an id, the address of a YouTube video, or any other http address.

        Raises
        ------
        CollectError
            When an id could not name a file, or an address is not one.
        """
        item = str(item).strip()
        if "://" not in item:
            if not ID.fullmatch(item):
                raise CollectError(
                    f"id {item!r}: 1 to 64 letters, digits, - and _ wanted, since it names a file"
                )
            if "{id}" not in address:
                raise CollectError(f"address {address!r}: has no {{id}} where the id goes")
            return cls(item, http(address.replace("{id}", item)))
        key = youtube_id(http(item))
        if key:
            return cls(key, YOUTUBE.replace("{id}", key))
        return cls(f"url-{hashlib.sha256(item.encode()).hexdigest()[:12]}", item)

    @property
    def loopback(self) -> bool:
        """Whether the address is on this machine."""
        return is_loopback(self.address)


def youtube_id(address: str) -> str | None:
    """Return the id in the address of a YouTube video, None where it is not one."""
    url = urlparse(address)
    host = (url.hostname or "").lower()
    if not any(host == name or host.endswith("." + name) for name in YOUTUBE_HOSTS):
        return None
    parts = [part for part in url.path.split("/") if part]
    found = parse_qs(url.query).get("v", parts[-1:])
    return found[0] if found and re.fullmatch(r"[A-Za-z0-9_-]{11}", found[0]) else None


def http(address: str) -> str:
    """Return ``address`` if it is an http or https address."""
    try:
        url = urlparse(address)
        good = url.scheme in ("http", "https") and url.hostname
    except ValueError:
        good = False
    if not good:
        raise CollectError(f"address {address!r}: an http or https address wanted")
    return address


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine's loopback interface."""
    host = urlparse(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_offline(wanted: Iterable[Wanted]) -> None:
    """Raise where the network is forbidden and something is not on this machine."""
    far = [one.address for one in wanted if not one.loopback]
    if far and store.offline():
        raise CollectError(
            f"HEARING_OFFLINE=1 forbids the network, and {far[0]} is not on this machine "
            f"({len(far)} such): unset HEARING_OFFLINE to collect"
        )


def read_sources(path: str | Path, *, which: str = "included") -> pd.DataFrame:
    """Read a table of candidates, such as ``data/sources.csv``.

    Parameters
    ----------
    path
        A CSV file with the columns ``youtube_id``, ``labels_published`` and ``exclusion_reason``.
    which
        ``"included"``: those with no exclusion reason; ``"labelled"``: those whose labels are
        published; ``"all"``.

    Returns
    -------
    DataFrame of text, one row for each candidate
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = {"youtube_id", "labels_published", "exclusion_reason"} - set(table.columns)
    if missing:
        raise CollectError(f"{path}: no column {', '.join(sorted(missing))}: see data/sources.csv")
    if which == "all":
        return table
    if which == "labelled":
        return table[table["labels_published"] == "yes"].reset_index(drop=True)
    if which == "included":
        return table[table["exclusion_reason"] == ""].reset_index(drop=True)
    raise CollectError(f"which: {which!r}, use included, labelled or all")


def sources_path() -> Path:
    """Path of ``data/sources.csv``: in the checkout, the working directory or the one above.

    Raises
    ------
    CollectError
        When it is in none of them, as where the package runs without its repository.
    """
    for root in (Path(__file__).resolve().parents[2], Path.cwd(), Path.cwd().parent):
        if (root / "data" / "sources.csv").is_file():
            return root / "data" / "sources.csv"
    raise CollectError("data/sources.csv is not here: give ids, addresses or --sources CSV")
