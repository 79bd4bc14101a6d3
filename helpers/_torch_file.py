"""Read the arrays of a PyTorch file of weights without PyTorch.

Such a file is a pickle, and a pickle may call any function of the machine that reads it. Here it
may name the few things that rebuild a dictionary of tensors, all replaced by stand-ins of ours;
anything else is refused.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._sources import DataError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LARGEST = 1 << 28  # bytes of a file
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# Steps that a dictionary of tensors is pickled with. Nothing else runs, not even up to its refusal.
_STEPS = set(
    """PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
    BINUNICODE SHORT_BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS
    EMPTY_DICT SETITEM SETITEMS BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE
    GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID""".split()
)
_MOST_NOTES = 1 << 20  # a pickle may ask for a table of any length; a network has thousands


class _Kind(NamedTuple):
    """Element type of a storage."""

    dtype: str


class _Storage(NamedTuple):
    """A run of numbers somewhere in the file."""

    key: str
    dtype: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Makes dictionaries, plain values and :class:`_Tensor`, and refuses to make anything else."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor  # a bound method: a pickle cannot change it
        if module == "torch" and name in _TYPES:
            return _Kind(_TYPES[name])
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no file of weights needs")

    def persistent_load(self, pid) -> _Storage:
        word, kind, key, _, size, *view = pid
        if word != "storage" or not isinstance(kind, _Kind) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"unknown reference {word!r}")
        if any(one is not None for one in view) or not _is_size(size):
            raise pickle.UnpicklingError(f"storage {key!r} is a view, or has no size")
        return _Storage(key, kind.dtype, size)

    @staticmethod
    def _check(storage, offset, shape, strides) -> None:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or not all(_is_size(one) for one in numbers):
            raise pickle.UnpicklingError("a tensor that is not made of a storage and sizes")
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if math.prod(shape) and (last >= storage.size or math.prod(shape) > storage.size):
            raise pickle.UnpicklingError(f"a tensor of shape {shape} lies outside its storage")

    def _tensor(self, storage, offset, shape, strides, *_) -> _Tensor:
        self._check(storage, offset, shape, strides)
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _is_size(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a dictionary of tensors, as ``torch.save(model.state_dict())`` writes it.

    Parameters
    ----------
    path : Path
        In the format of today (a ZIP archive) or that of before PyTorch 1.6.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    DataError
        When the file is cut short or damaged, holds anything but tensors, or asks for code.
    """
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path}: larger than {_LARGEST} bytes: not a file of weights for here")
    data = path.read_bytes()
    try:
        found, storages = (_zipped if data[:2] == b"PK" else _legacy)(data)
        if not isinstance(found, dict):
            raise pickle.UnpicklingError(f"a {type(found).__name__}, not a dictionary of tensors")
        return {_name(key): _array(one, storages) for key, one in found.items()}
    except _DAMAGE as error:
        raise DataError(
            f"{path}: not a PyTorch file of weights that can be trusted ({error}): get it again"
        ) from None


# What unpacking and unpickling raise on damaged files.
_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _name(key) -> str:
    if not isinstance(key, str):
        raise pickle.UnpicklingError(f"a tensor called {key!r}")
    return key


def _array(tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    """Cut a tensor out of its storage."""
    if not isinstance(tensor, _Tensor):
        raise pickle.UnpicklingError(f"a {type(tensor).__name__} among the tensors")
    whole = storages[tensor.storage.key]
    if whole.size != tensor.storage.size:
        raise pickle.UnpicklingError(f"storage {tensor.storage.key!r} has {whole.size} values")
    steps = tuple(step * whole.itemsize for step in tensor.strides)
    return np.lib.stride_tricks.as_strided(
        whole[tensor.offset :], tensor.shape, steps, writeable=False
    ).copy()


def _legacy(data: bytes):
    """Split the older format: four pickles, the list of storages, their numbers."""
    file = io.BytesIO(data)
    if _load(file) != _MAGIC or _load(file) != _PROTOCOL:
        raise pickle.UnpicklingError("it does not begin as one")
    if not _load(file)["little_endian"]:
        raise pickle.UnpicklingError("written on a machine of the other byte order")
    unpickler = _Noting(_next(file))
    found, keys = unpickler.load(), _load(file)
    storages = {}
    for key in keys:
        storage, count = unpickler.storages[key], int.from_bytes(_exactly(file, 8), "little")
        if count != storage.size:
            raise pickle.UnpicklingError(f"storage {key!r} has {count} values")
        raw = _exactly(file, count * np.dtype(storage.dtype).itemsize)
        storages[key] = np.frombuffer(raw, storage.dtype)
    return found, storages


def _zipped(data: bytes):
    """Read the format of today: a ZIP archive with a pickle and a file for each storage."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name.split("/", 1)[-1]: name for name in archive.namelist()}
        if sum(one.file_size for one in archive.infolist()) > _LARGEST:
            raise pickle.UnpicklingError(f"it would unpack to more than {_LARGEST} bytes")
        if "byteorder" in names and archive.read(names["byteorder"]) != b"little":
            raise pickle.UnpicklingError("written on a machine of the other byte order")
        unpickler = _Noting(_next(io.BytesIO(archive.read(names["data.pkl"]))))
        found = unpickler.load()
        storages = {
            key: np.frombuffer(archive.read(names[f"data/{key}"]), storage.dtype)
            for key, storage in unpickler.storages.items()
        }
    return found, storages


class _Noting(_Unpickler):
    """Notes the storages that the tensors refer to."""

    def __init__(self, file) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def persistent_load(self, pid) -> _Storage:
        storage = super().persistent_load(pid)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError(f"storage {storage.key!r} is described in two ways")
        return storage


def _load(file):
    return _Unpickler(_next(file)).load()


def _next(file: io.BytesIO) -> io.BytesIO:
    """Cut the next pickle out of a file, once every step of it is one that a tensor needs."""
    start = file.tell()
    for step, argument, _ in pickletools.genops(file):
        if step.name not in _STEPS:
            raise pickle.UnpicklingError(f"it takes the step {step.name}, which no tensor needs")
        if step.name.endswith("PUT") and argument > _MOST_NOTES:
            raise pickle.UnpicklingError(f"it notes something under the number {argument}")
    return io.BytesIO(file.getbuffer()[start : file.tell()])


def _exactly(file, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError(f"it ends {size - len(data)} bytes too early")
    return data
