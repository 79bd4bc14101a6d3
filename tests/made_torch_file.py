"""Files as PyTorch writes them, before version 1.6 and since, made without PyTorch."""

import collections
import io
import pickle
import struct
import zipfile

import numpy as np


class Global:
    """Pickles as a name of a module that need not exist here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Stored:
    def __init__(self, array, key):
        self.array, self.key = array, key


KINDS = {"float32": "FloatStorage", "int64": "LongStorage"}
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")


class Call:
    """Pickles as a call, which is how a pickle runs code."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Writer(pickle._Pickler):  # the one in Python, whose steps can be chosen
    def persistent_id(self, item):
        if isinstance(item, Stored):
            kind = Global("torch", KINDS[item.array.dtype.name])
            return ("storage", kind, item.key, "cpu", item.array.size)
        return None

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Global):
            self.write(b"c" + f"{item.module}\n{item.name}\n".encode())
        elif isinstance(item, Call):
            self.save(item.function)
            self.save(item.arguments)
            self.write(b"R")
        else:
            super().save(item, save_persistent_id)


def pickled(item) -> bytes:
    out = io.BytesIO()
    Writer(out, protocol=2).dump(item)
    return out.getvalue()


def torch_file(content, stored, *, legacy: bool) -> bytes:
    """Lay out a file as `torch.save` does, before version 1.6 or since."""
    if legacy:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, list(stored)]
        raw = (struct.pack("<q", a.size) + a.tobytes() for a in stored.values())
        return b"".join(pickled(one) for one in head) + b"".join(raw)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("net/data.pkl", pickled(content))
        for key, array in stored.items():
            archive.writestr(f"net/data/{key}", array.tobytes())
    return out.getvalue()


def network_file(*, legacy: bool, extra=None, **changes) -> tuple[bytes, dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    wanted = {
        "conv.weight": rng.normal(size=(2, 3)).astype(np.float32),
        "bn.count": np.int64([7]),
    }
    stored, content = {}, collections.OrderedDict()
    for i, (name, array) in enumerate(wanted.items()):
        stored[str(i)] = array.ravel()
        view = {"offset": 0, "shape": array.shape} | (changes if i == 0 else {})
        strides = tuple(int(np.prod(array.shape[k + 1 :])) for k in range(array.ndim))
        content[name] = Call(
            REBUILD,
            Stored(stored[str(i)], str(i)),
            view["offset"],
            view["shape"],
            strides,
            False,
            collections.OrderedDict(),
        )
    content |= extra or {}
    return torch_file(content, stored, legacy=legacy), wanted
