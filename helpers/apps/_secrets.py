"""Addresses and tokens: where they come from, and how they are kept out of every text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class SinkError(ValueError):
    """A sink is not set up right; the message says what is wanted and shows no secret."""


class Secret:
    """Text that shows itself to no one but a caller of :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self):
        raise TypeError("a secret is not written to a file")


def hidden(text: str | Secret | None) -> Secret:
    """Make a secret of text; an empty one of None."""
    return text if isinstance(text, Secret) else Secret(text or "")


def parsed(address: Secret, *, schemes: tuple[str, ...], name: str) -> SplitResult:
    """Take an address apart.

    Parameters
    ----------
    address
        It may hold a user, a password, or a token in its path or query.
    schemes
        Those that are allowed.
    name
        Of the setting that it came from, for messages.

    Raises
    ------
    SinkError
        When it is no such address. The address itself is not shown.
    """
    text = address.reveal()
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isascii() or not text.isprintable() or " " in text:
        raise SinkError(
            f"{name}: an address that begins with {wanted} wanted, with a host, a port that is a "
            "number if there is one, and no blanks; characters such as @ : / # in a password are "
            "written as %40 %3A %2F %23"
        ) from None
    return parts


def shown(parts: SplitResult) -> str:
    """Show where an address leads: no user, password, path or query."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    rest = "/..." if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}{port}{rest}"


def settings(secrets: Path | None) -> dict[str, Secret]:
    """Read settings from the environment and, above it, from a file.

    Parameters
    ----------
    secrets
        A file of ``NAME=value`` lines that only its owner may read.

    Raises
    ------
    SinkError
        When the file is missing, others may read it, or a line is something else.
    """
    found: Mapping[str, str] = {k: v for k, v in os.environ.items() if k.startswith("HEARING_")}
    if secrets is not None:
        found = {**found, **_read(Path(secrets))}
    return {name: Secret(value.strip()) for name, value in found.items() if value.strip()}


def _read(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; no message shows any of them."""
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if os.name == "posix" and mode & 0o077:
                raise SinkError(
                    f"{path}: others may read it (mode {mode:03o}), so it is not used: "
                    f"chmod 600 {path}, and change what is in it if others had a look"
                )
            lines = file.read().splitlines()
    except OSError as error:
        raise SinkError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SinkError(f"{path}: is not text in UTF-8: NAME=value lines wanted") from None
    found = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise SinkError(f"{path}, line {number}: NAME=value wanted")
        value = match[2].strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[match[1]] = value[1:-1] if quoted else value
    return found
