"""What every reader of label files shares: text in UTF-8, and numbers of seconds or hertz."""

from __future__ import annotations

import codecs
import math
import re
from pathlib import Path

from helpers._events import LabelError

_COMMA = re.compile(r"^\s*[+-]?\d+,\d+\s*$")
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def decode(path: Path) -> str:
    """Text of a label file.

    Raises
    ------
    LabelError
        When the file cannot be read, or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise LabelError(f"{path}, line 1: the file is {encoding}; save it again as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
            "save the file again as UTF-8"
        ) from error


def number(field: str, where: str, what: str) -> float:
    """Return a finite number, or say where another thing stands.

    Parameters
    ----------
    field
        The text of the number.
    where, what
        File and line, and the name of the column, for the message.

    Raises
    ------
    LabelError
        For a decimal comma, text, nan and infinity.
    """
    if _COMMA.match(field):
        raise LabelError(
            f"{where}: {what} {field!r} has a decimal comma; write {field.replace(',', '.')!r} "
            "(replace the commas in the number columns only, labels may hold some)"
        )
    try:
        value = float(field)
    except ValueError:
        raise LabelError(f"{where}: {what} {field!r} is not a number of seconds or hertz") from None
    if not math.isfinite(value):
        raise LabelError(f"{where}: {what} is {field!r}; give a finite number")
    return value
