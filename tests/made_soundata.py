"""Small folders laid out as ESC-50 and UrbanSound8K, with an index of their own."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile

ESC50 = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
URBAN = (
    *("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID"),
    "class",
)


def esc50(folder: Path, *, classes=("dog", "rain"), absent: int = 0) -> Path:
    """Make one clip of each class in each of five folds; return the index.

    ``absent`` more clips are in the index and the table, and not in the folder.
    """
    rows, files = [], {}
    for fold in range(1, 6):
        for target, name in enumerate(classes):
            source = str(1000 * fold + target)
            clip = f"{fold}-{source}-A-{target}"
            rows.append((f"{clip}.wav", fold, target, name, name == "dog", source, "A"))
            files[clip] = f"audio/{clip}.wav"
    return _written(folder, "meta/esc50.csv", ESC50, rows, files, absent=absent)


def urbansound8k(folder: Path, *, classes=("car_horn", "siren"), folds: int = 10) -> Path:
    """Make one clip of each class in each fold, of different rates, widths and channels."""
    rows, files = [], {}
    for fold in range(1, folds + 1):
        for number, name in enumerate(classes):
            source = str(100 * fold + number)
            clip = f"{source}-{number}-0-0"
            salience = 1 + fold % 2
            rows.append((f"{clip}.wav", source, 0.0, 0.6, salience, fold, number, name))
            files[clip] = f"audio/fold{fold}/{clip}.wav"
    return _written(folder, "metadata/UrbanSound8K.csv", URBAN, rows, files)


def _written(folder, table, head, rows, files, *, absent: int = 0) -> Path:
    index = {"version": "made", "clips": {}}
    for number, (clip, path) in enumerate(files.items()):
        data = _sound(folder / path, number)
        index["clips"][clip] = {"audio": [path, hashlib.md5(data).hexdigest()]}
    for number in range(absent):
        gone = f"1-9{number}-A-0"
        index["clips"][gone] = {"audio": [f"audio/{gone}.wav", "0" * 32]}
    (folder / table).parent.mkdir(parents=True)
    with open(folder / table, "w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    path = folder / "index.json"
    path.write_text(json.dumps(index))
    return path


def _sound(path: Path, number: int) -> bytes:
    """Write half a second of noise; every third is stereo, every fifth at another rate."""
    rate = 22_050 if number % 5 == 4 else 44_100
    noise = np.random.default_rng(number).normal(size=(rate // 2, 1 + (number % 3 == 2))) * 0.1
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise, rate)
    return path.read_bytes()
