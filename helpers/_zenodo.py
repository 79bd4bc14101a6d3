"""What a record on Zenodo holds: file, size and MD5 sum, as the record itself says."""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

from helpers._download import AGENT, Patience
from helpers._sources import DataError, DataMissing, Entry

MOST = 1 << 22  # bytes of a record


def entries(address: str, beside: Path, *, patience: Patience | None = None) -> dict[str, Entry]:
    """Return the files of a record, by name.

    Parameters
    ----------
    address
        Of the record's description in JSON.
    beside
        Where the description is kept; once it is there it is not fetched again, so that a file
        that is fetched in two parts is compared with one and the same sum.
    patience
        How long to wait for the network.

    Raises
    ------
    DataMissing
        When the network does not give the description.
    DataError
        When it is no description of a record.
    """
    if beside.exists():
        return _read(beside.read_bytes(), str(beside))
    data = _fetch(address, patience or Patience())
    found = _read(data, address)
    beside.parent.mkdir(parents=True, exist_ok=True)
    draft = beside.with_name(beside.name + ".part")
    draft.write_bytes(data)
    os.replace(draft, beside)
    return found


def _fetch(address: str, patience: Patience) -> bytes:
    """Fetch a small file that nobody has a hash of."""
    request = urllib.request.Request(address, headers={"User-Agent": AGENT})
    reason = "not asked"
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(request, timeout=patience.timeout) as response:
                data = response.read(MOST + 1)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                break  # asking again would not help
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if len(data) > MOST:
                raise DataError(f"{address}: more than {MOST} bytes, no description of a record")
            return data
    raise DataMissing(f"{address}: {reason}")


def _read(data: bytes, where: str) -> dict[str, Entry]:
    """Take name, size and MD5 sum of each file from a record's description."""
    try:
        files = json.loads(data)["files"]
        found = {}
        for file in files:
            kind, _, md5 = file["checksum"].partition(":")
            if kind == "md5" and re.fullmatch("[0-9a-f]{32}", md5):
                found[file["key"]] = Entry(file["key"], int(file["size"]), "", "", "", md5)
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where}: no description of a record on Zenodo ({type(error).__name__}: {error}): "
            "delete the file if it is one, and load again"
        ) from error
