"""Small folders and archives of machine sound, laid out as in DCASE 2020 and 2021."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

from loopback_data import sound


def dcase2020(kind="fan") -> dict[str, bytes]:
    """Two machines that training saw, id_04 that it never saw, and no anomaly of id_02."""
    names = [f"train/normal_id_{one}_{n:08d}.wav" for one in ("00", "02") for n in range(3)]
    names += ["test/normal_id_00_00000000.wav", "test/anomaly_id_00_00000000.wav"]
    names += ["test/normal_id_02_00000000.wav", "test/anomaly_id_04_00000000.wav"]
    return {f"{kind}/{name}": clip(n) for n, name in enumerate(names)}


def dcase2021(kind="fan") -> dict[str, bytes]:
    """One section, both domains; training names have attributes, the others have none."""
    names = [f"train/section_00_source_train_normal_{n:04d}_strength_1_ambient.wav" for n in (0, 1)]
    names += ["train/section_00_target_train_normal_0000_strength_2.wav"]
    names += [
        f"{domain}_test/section_00_{domain}_test_{label}_0000.wav"
        for domain in ("source", "target")
        for label in ("normal", "anomaly")
    ]
    return {f"{kind}/{name}": clip(n) for n, name in enumerate(names)}


def clip(seed: int, channels: int = 1) -> bytes:
    return sound(0.25, rate=16_000, seed=seed, channels=channels, bursts=[(0, 0.25)])


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(files: dict[str, bytes], *, stored: bool = True) -> bytes:
    """Pack files; a name may be a ZipInfo."""
    out = io.BytesIO()
    how = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def manifest(path: Path, archives: dict[str, bytes], *, sizes: bool = True) -> None:
    """Write the manifest of archives, with MD5 sums as Zenodo publishes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{name},{len(data) if sizes else ''},{hashlib.md5(data).hexdigest()}\n"
        for name, data in archives.items()
    ]
    path.write_text("path,bytes,md5\n" + "".join(lines))


def record(archives: dict[str, bytes]) -> bytes:
    """Describe archives as Zenodo's interface describes the files of a record."""
    files = [
        {"key": name, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"}
        for name, data in archives.items()
    ]
    return json.dumps({"id": 1, "files": files}).encode()
