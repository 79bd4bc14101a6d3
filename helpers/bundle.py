"""A detector is a folder: the network twice, and one file that says how to use it.

``model.keras`` is for Keras, ``model.tflite`` runs with no TensorFlow, and ``detector.json``
holds the front end, the labels, the decoder, the versions, the hashes and the card's figures.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import _quiet
from ._decoder import Decoder, Scores
from .features import FrontEnd

if TYPE_CHECKING:  # the small computer that listens has no pandas
    import pandas as pd

FORMAT = 1
# Frames scored in one go: a few megabytes, so that an hour needs no more memory than a minute.
_BLOCK = 3000


class BundleError(ValueError):
    """A detector's folder that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Detector:
    """A trained detector, ready to score and to decode.

    Parameters
    ----------
    folder : Path
    front_end : FrontEnd
    decoder : Decoder
    labels : tuple of str
        One output of the network each.
    margins : tuple of int
        Frames that a score needs before and after its own.
    about : dict
        What else ``detector.json`` says: versions, hashes, card.
    """

    folder: Path
    front_end: FrontEnd
    decoder: Decoder
    labels: tuple[str, ...]
    margins: tuple[int, int]
    about: dict

    @cached_property
    def network(self) -> Callable[[np.ndarray], np.ndarray]:
        """The LiteRT network: (left + frames + right, n_mels) to (frames, labels)."""
        return lite_network(self.folder / "model.tflite")

    def scores(self, samples: np.ndarray) -> Scores:
        """Score every frame of a recording.

        Parameters
        ----------
        samples : ndarray, shape (n,), float32
            Mono, at the front end's sample rate.

        Returns
        -------
        Scores
        """
        values = np.concatenate(list(self.score_blocks(lambda first, until: samples[first:until])))
        duration = len(samples) / self.front_end.sample_rate
        return Scores(values, self.front_end.times(len(values)), self.labels, duration)

    def score_blocks(self, read: Callable[[int, int], np.ndarray]) -> Iterator[np.ndarray]:
        """Score a recording of any length block by block; only one block is in memory.

        Parameters
        ----------
        read : callable
            ``read(first, until)`` gives the samples [first, until), and fewer only where the
            recording ends. Neither number ever goes down from one call to the next.

        Yields
        ------
        ndarray, shape (frames, labels), float32
            Laid one behind the other they are the values of :meth:`scores`, to the last bit.
        """
        front_end, (left, right) = self.front_end, self.margins
        hop, n_fft = front_end.hop, front_end.n_fft
        for start in itertools.count(0, _BLOCK):
            first, last = max(0, start - left), start + _BLOCK + right
            wanted = (last - 1) * hop + n_fft - first * hop
            samples = read(first * hop, first * hop + wanted)
            count = last
            if len(samples) < wanted:  # the recording ends here
                count = front_end.n_frames(first * hop + len(samples))
                last = min(last, count)
            if start and start >= count:
                return
            stop = min(count, start + _BLOCK)
            log_mel = front_end.log_mel(samples)
            missing = (left - (start - first), right - (last - stop))
            log_mel = np.pad(log_mel, (missing, (0, 0)), mode="edge")
            yield self.network(front_end.standardise(log_mel))
            if len(samples) < wanted and stop == count:
                return

    def detect(self, samples: np.ndarray) -> pd.DataFrame:
        """Events of a recording: onset, offset, event_label, score; times in seconds."""
        return self.decoder.decode(self.scores(samples))


def lite_network(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a LiteRT file as a function of (left + frames + right, n_mels) float32.

    Parameters
    ----------
    path : Path

    Returns
    -------
    callable
        Gives (frames, outputs) float32.
    """
    from ai_edge_litert.interpreter import Interpreter

    with _quiet.standard_error():
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = None

    def run(features: np.ndarray) -> np.ndarray:
        nonlocal shape
        if features.shape != shape:
            interpreter.resize_tensor_input(inputs["index"], (1, *features.shape))
            interpreter.allocate_tensors()
            shape = features.shape
        interpreter.set_tensor(inputs["index"], features[None].astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(outputs["index"])[0].copy()

    return run


def save(
    folder: str | Path,
    model,
    *,
    front_end: FrontEnd,
    decoder: Decoder,
    labels: tuple[str, ...],
    margins: tuple[int, int],
    card: dict | None = None,
) -> Detector:
    """Write a detector's folder, whole or not at all.

    The LiteRT export is loaded again and compared with Keras before anything takes its place.

    Parameters
    ----------
    folder : path
        Replaced when it is there.
    model : keras.Model
        As :func:`helpers.models.dilated` makes it.
    front_end, decoder, labels, margins
        As in :class:`Detector`.
    card : dict, optional
        What was measured and how to make it again; plain JSON.

    Returns
    -------
    Detector
        Loaded back from the folder.

    Raises
    ------
    BundleError
        When the export does not give the scores that Keras gives.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _without_optimiser(model).save(whole / "model.keras")
        model.export(str(whole / "model.tflite"), format="litert", verbose=False)
        difference = export_difference(model, whole / "model.tflite", margins=margins)
        if not difference < 1e-5:
            raise BundleError(f"the LiteRT export differs from Keras by {difference:g}: not saved")
        about = {
            "format": FORMAT,
            "labels": list(labels),
            "margins": list(margins),
            "front_end": front_end.to_dict(),
            "decoder": asdict(decoder),
            "parameters": int(model.count_params()),
            "versions": _versions(),
            "sha256": {name: _sha256(whole / name) for name in ("model.keras", "model.tflite")},
            "card": card or {},
        }
        (whole / "detector.json").write_text(json.dumps(about, indent=1) + "\n")
        os.chmod(whole, 0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(whole, folder)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return load(folder)


def export_difference(model, path: Path, *, margins: tuple[int, int], frames: int = 200) -> float:
    """Largest difference between Keras and the LiteRT file on random frames; NaN if either is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(frames + sum(margins), model.input_shape[-1])).astype(np.float32)
    lite, keras = lite_network(path)(x), np.asarray(model.predict_on_batch(x[None]))[0]
    return float(np.max(np.abs(lite - keras)))


def load(folder: str | Path) -> Detector:
    """Load a detector from its folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Detector

    Raises
    ------
    BundleError
        When a file is missing, was changed, or was written by another version of the format.
    """
    folder = Path(folder)
    about = _read_about(folder / "detector.json")
    if about.get("format") != FORMAT:
        raise BundleError(
            f"{folder / 'detector.json'}: format {about.get('format')!r}, but this version reads "
            f"format {FORMAT}: train the detector again, or use the version that wrote it "
            f"({about.get('versions', {}).get('machine-hearing', 'unknown')})"
        )
    for name, expected in about["sha256"].items():
        if not (folder / name).exists():
            raise BundleError(f"{folder / name} is missing: copy the detector's whole folder")
        if _sha256(folder / name) != expected:
            raise BundleError(
                f"{folder / name} is not the file that detector.json describes: "
                "copy the folder again"
            )
    return Detector(
        folder,
        FrontEnd.from_dict(about["front_end"]),
        Decoder(**about["decoder"]),
        tuple(about["labels"]),
        tuple(about["margins"]),
        about,
    )


def load_keras(detector: Detector):
    """Load the same network in Keras, in safe mode."""
    _quiet.start_keras()
    import keras

    return keras.saving.load_model(detector.folder / "model.keras", compile=False, safe_mode=True)


def shipped() -> Path:
    """Folder of the detector that comes with the project.

    Raises
    ------
    BundleError
        When it is not where a checkout has it.
    """
    folder = Path(__file__).resolve().parent.parent / "data" / "models" / "airlock"
    if not folder.is_dir():
        raise BundleError(f"{folder} is missing: run from a checkout of the repository")
    return folder


def _without_optimiser(model):
    """Copy of the model that was never compiled: what training left behind is no use here."""
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _read_about(path: Path) -> dict:
    if not path.exists():
        raise BundleError(f"{path} is missing: name the folder of a detector")
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise BundleError(f"{path} is not JSON ({error}): copy the folder again") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    from . import __version__

    names = ("keras", "numpy", "ai-edge-litert")
    return {"machine-hearing": __version__} | {name: version(name) for name in names}
