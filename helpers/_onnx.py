"""Read constants and nodes out of an ONNX file: enough to take weights from it, and no more.

ONNX is a protocol buffer. Its wire format is a list of fields, each a number, a type and a value,
and a value may hold further fields; the few that matter here are read by hand, with every length
checked against what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ._sources import DataError

# Field numbers of onnx.proto (ONNX 1.x), by message.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_INTS = 1, 3, 8
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
_MASK = (1 << 64) - 1
_DEEPEST = 4  # a constant behind more steps than these is not one that a quantiser wrote


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Parameters
    ----------
    operation : str
        For instance ``"Conv"``.
    inputs, outputs : tuple of str
        Names of values.
    attributes : dict
        Those that are whole numbers or lists of them.
    """

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, int | list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of the file, and constants by name."""

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]

    def constant(self, name: str, *, depth: int = 0) -> np.ndarray:
        """Value of a constant, through the quantise and dequantise steps in front of it.

        Parameters
        ----------
        name : str
        depth : int
            Steps taken so far.

        Returns
        -------
        ndarray

        Raises
        ------
        DataError
            When the value is not constant.
        """
        if name in self.constants:
            return self.constants[name]
        node = next((node for node in self.nodes if name in node.outputs), None)
        steps = {"QuantizeLinear": quantise, "DequantizeLinear": dequantise}
        if node is None or node.operation not in steps or depth >= _DEEPEST:
            raise DataError(f"ONNX value {name!r} is not a constant: this is another network")
        values = [self.constant(one, depth=depth + 1) for one in node.inputs]
        if len(values) == 2:  # no zero point: it is zero
            values.append(np.zeros_like(values[1], np.int8))
        if len(values) != 3:
            raise DataError(f"ONNX {node.operation} {name!r} has {len(values)} inputs, not 2 or 3")
        return steps[node.operation](*values, axis=int(node.attributes.get("axis", 1)))


def quantise(
    values: np.ndarray, scale: np.ndarray, zero: np.ndarray, *, axis: int = 1
) -> np.ndarray:
    """Whole numbers of the type of `zero` for real `values`: ONNX QuantizeLinear.

    Parameters
    ----------
    values : ndarray
    scale, zero : ndarray
        One number, or one for each index along `axis`.
    axis : int

    Returns
    -------
    ndarray of the shape of `values`
    """
    steps, shift = _along(scale, values, axis), _along(zero, values, axis).astype(np.float64)
    limits = np.iinfo(zero.dtype)
    return np.clip(np.round(values / steps) + shift, limits.min, limits.max).astype(zero.dtype)


def dequantise(
    values: np.ndarray, scale: np.ndarray, zero: np.ndarray, *, axis: int = 1
) -> np.ndarray:
    """Real numbers, float32, for whole `values`: ONNX DequantizeLinear; see :func:`quantise`."""
    shifted = values.astype(np.float32) - _along(zero, values, axis).astype(np.float32)
    return (shifted * _along(scale, values, axis)).astype(np.float32)


def _along(parameter: np.ndarray, values: np.ndarray, axis: int) -> np.ndarray:
    """Shape a parameter so that it varies along one axis of `values`."""
    if parameter.size == 1:
        return parameter.reshape(())
    if not -values.ndim <= axis < values.ndim or parameter.shape != (values.shape[axis],):
        raise DataError(
            f"ONNX scale of shape {parameter.shape} does not fit axis {axis} of {values.shape}"
        )
    shape = [1] * values.ndim
    shape[axis] = -1
    return parameter.reshape(shape)


def read(data: bytes, *, external: Mapping[str, bytes] | None = None) -> Graph:
    """Read nodes and constants of a model.

    Parameters
    ----------
    data : bytes
        Content of the ``.onnx`` file.
    external : mapping of str to bytes, optional
        Content of the files that hold tensors outside of it, by name.

    Returns
    -------
    Graph

    Raises
    ------
    DataError
        When the file is cut short or malformed, or a tensor has another type or size than it
        says.
    """
    graph = None
    for number, value in _fields(memoryview(data)):
        if number == _MODEL_GRAPH:
            graph = _message(value)
    if graph is None:
        raise DataError("not an ONNX model: no graph in it")
    nodes, constants = [], {}
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            nodes.append(_node(_message(value)))
        elif number == _GRAPH_INITIALIZER:
            name, array = _tensor(_message(value), external or {})
            constants[name] = array
    return Graph(tuple(nodes), constants)


def _fields(buffer: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Walk the fields of one message: whole numbers, or the bytes of everything else."""
    at = 0
    while at < len(buffer):
        tag, at = _varint(buffer, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(buffer, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(buffer, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if number == 0 or not 0 <= size <= len(buffer) - at:
            raise DataError(f"malformed ONNX file: field {number} of type {kind} at byte {at}")
        yield number, buffer[at : at + size]
        at += size


def _varint(buffer: memoryview, at: int) -> tuple[int, int]:
    """Read a whole number of 7 bits a byte, at most 64 bits; and where the next thing starts."""
    value = 0
    for i in range(10):
        if at + i >= len(buffer):
            raise DataError("malformed ONNX file: it ends within a number")
        byte = buffer[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value & _MASK, at + i + 1
    raise DataError(f"malformed ONNX file: a number of more than 64 bits at byte {at}")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise DataError("malformed ONNX file: a number where a message should be")
    return value


def _text(value: int | memoryview) -> str:
    try:
        return bytes(_message(value)).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"malformed ONNX file: a name that is no text ({error})") from None


def _whole(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise DataError("malformed ONNX file: bytes where a whole number should be")
    return value - (1 << 64) if value >> 63 else value


def _list(value: int | memoryview) -> list[int]:
    """Whole numbers of a repeated field, packed into one value or one a field."""
    if isinstance(value, int):
        return [_whole(value)]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(_whole(number))
    return numbers


def _node(buffer: memoryview) -> Node:
    operation, inputs, outputs, attributes = "", [], [], {}
    for number, value in _fields(buffer):
        if number == _NODE_INPUT:
            inputs.append(_text(value))
        elif number == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == _NODE_TYPE:
            operation = _text(value)
        elif number == _NODE_ATTRIBUTE:
            attributes |= _attribute(_message(value))
    return Node(operation, tuple(inputs), tuple(outputs), attributes)


def _attribute(buffer: memoryview) -> dict[str, int | list[int]]:
    name, single, several = "", None, []
    for number, value in _fields(buffer):
        if number == _ATTRIBUTE_NAME:
            name = _text(value)
        elif number == _ATTRIBUTE_INT:
            single = _whole(value)
        elif number == _ATTRIBUTE_INTS:
            several += _list(value)
    if several:
        return {name: several}
    return {} if single is None else {name: single}


def _tensor(buffer: memoryview, external: Mapping[str, bytes]) -> tuple[str, np.ndarray]:
    """Read one tensor: its bytes lie in it, or in a file beside the model."""
    dims, kind, name, raw, outside, place = [], 0, "", None, 0, {}
    for number, value in _fields(buffer):
        if number == _TENSOR_DIMS:
            dims += _list(value)
        elif number == _TENSOR_TYPE:
            kind = _whole(value)
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_RAW:
            raw = _message(value)
        elif number == _TENSOR_LOCATION:
            outside = _whole(value)
        elif number == _TENSOR_EXTERNAL:
            entry = {key: _text(text) for key, text in _fields(_message(value))}
            place[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
    if outside:
        raw = _outside(name, place, external)
    return name, _array(name, dims, kind, raw)


def _outside(name: str, place: dict[str, str], external: Mapping[str, bytes]) -> memoryview:
    """Cut a tensor's bytes out of the file that holds it."""
    file = external.get(place.get("location", ""))
    if file is None:
        raise DataError(f"ONNX tensor {name!r}: its file {place.get('location')!r} is missing")
    try:
        start = int(place.get("offset", "0"))
        size = int(place.get("length", str(len(file) - start)))
    except ValueError:
        raise DataError(f"ONNX tensor {name!r}: {place} is no place in a file") from None
    if start < 0 or size < 0 or start + size > len(file):
        raise DataError(f"ONNX tensor {name!r} lies outside its file of {len(file)} bytes")
    return memoryview(file)[start : start + size]


def _array(name: str, dims: list[int], kind: int, raw: memoryview | None) -> np.ndarray:
    if kind not in _TYPES or raw is None:
        raise DataError(f"ONNX tensor {name!r}: element type {kind} or its storage is unknown")
    dtype, count = np.dtype(_TYPES[kind]), 1
    for dim in dims:
        if dim < 0:
            raise DataError(f"ONNX tensor {name!r}: dimension {dim}")
        count *= dim
    if count * dtype.itemsize != len(raw):
        raise DataError(f"ONNX tensor {name!r} of shape {tuple(dims)} has {len(raw)} bytes")
    try:
        return np.frombuffer(raw, dtype).reshape(dims)
    except (ValueError, OverflowError) as error:  # for instance a dimension of 0 beside a huge one
        raise DataError(f"ONNX tensor {name!r} of shape {tuple(dims)}: {error}") from None
