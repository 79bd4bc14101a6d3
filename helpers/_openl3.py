"""OpenL3: a network that learned to hear by matching sounds to pictures, as an embedding.

The published package cannot be installed without a network, nor on Python 3.12 and later. Its
weights are plain arrays, so here is the network anew, front end included, to read them into.

References
----------
A. L. Cramer, H.-H. Wu, J. Salamon and J. P. Bello, "Look, listen, and learn more: Design choices
for deep audio embeddings", ICASSP (2019). Code MIT, weights CC BY 4.0.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import _quiet, _weights, audio
from ._openl3_front import REPRESENTATIONS, SAMPLE_RATE, WINDOW, Cut, spectrogram, windows
from ._openl3_weights import is_published, load_weights, published_name

if TYPE_CHECKING:
    import keras

__all__ = ["Extractor", "PackageExtractor", "Variant", "build", "load_weights"]

CONTENTS = ("env", "music")
# What the last layer is pooled by, (bands, frames), for each size of the embedding.
POOLS = {
    "mel256": {512: (32, 24), 6144: (8, 8)},
    "mel128": {512: (16, 24), 6144: (4, 8)},
    "linear": {512: (32, 24), 6144: (8, 8)},
}
_BATCH = 8  # windows; the first layers take 13 MB for each, so a larger batch fills memory


class Variant(NamedTuple):
    """One of the published networks, and the size that its last layer is pooled to."""

    representation: str = "mel256"
    content: str = "env"
    size: int = 512

    @classmethod
    def parse(cls, name: str) -> Variant:
        """Read a name such as ``"openl3-mel256-env-512"``; ``"openl3"`` is the default one.

        Raises
        ------
        ValueError
            When there is no such variant.
        """
        if name == "openl3":
            return cls()
        form = rf"openl3-({'|'.join(POOLS)})-({'|'.join(CONTENTS)})-(512|6144)"
        if not (found := re.fullmatch(form, name)):
            raise ValueError(
                f"no variant {name!r}: write openl3-REPRESENTATION-CONTENT-SIZE with one of "
                f"{', '.join(POOLS)}, one of {', '.join(CONTENTS)}, and 512 or 6144"
            )
        return cls(found[1], found[2], int(found[3]))


def build(representation: str = "mel256", size: int = 512) -> keras.Model:
    """Build the audio network of OpenL3 without its weights.

    Music and environmental sounds have the same network, and differ in the weights.

    Parameters
    ----------
    representation : {"mel256", "mel128", "linear"}
        Spectrogram that the network sees.
    size : {512, 6144}
        Length of the embedding: the last layer is pooled more or less. The weights are the same.

    Returns
    -------
    keras.Model
        (batch, 48000), a second of sound at 48 kHz, to (batch, size).

    Raises
    ------
    ValueError
        When there is no such representation or size.
    """
    if size not in POOLS.get(representation, {}):
        raise ValueError(
            f"representation {representation!r} and size {size!r}: choose from "
            f"{', '.join(POOLS)}, and 512 or 6144"
        )
    _quiet.start_keras()
    from keras import Input, Model, layers

    samples = Input((WINDOW,), name="samples")
    x = spectrogram(samples, REPRESENTATIONS[representation])
    x = layers.BatchNormalization(name="norm_input")(x)
    for block, filters in enumerate((64, 128, 256), start=1):
        x = _convolution(x, filters, f"{block}a")
        x = _convolution(x, filters, f"{block}b")
        x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
    x = _convolution(x, 512, "4a")
    x = layers.Conv2D(512, 3, padding="same", name="audio_embedding_layer")(x)
    x = layers.MaxPooling2D(POOLS[representation][size], name="pool")(x)
    return Model(samples, layers.Flatten(name="embedding")(x), name=f"openl3_{representation}")


def _convolution(x, filters: int, name: str):
    """Convolution of 3 x 3, normalised, then rectified."""
    from keras import layers

    x = layers.Conv2D(filters, 3, padding="same", name=f"conv_{name}")(x)
    x = layers.BatchNormalization(name=f"norm_{name}")(x)
    return layers.ReLU(name=f"relu_{name}")(x)


class Extractor:
    """OpenL3 as an embedding of sound.

    Parameters
    ----------
    variant : str
        ``"openl3"`` or ``"openl3-REPRESENTATION-CONTENT-SIZE"``, see :class:`Variant`.
    weights : path, optional
        A weight file as published (``.h5.gz``) or unpacked (``.h5``). Without one it is looked
        for in the cache, the mirror and on the network.
    sample_rate : int
        Of the sound that :meth:`run` gets, in Hz; it is resampled to the network's 48 kHz. What
        the sound could not hold stays empty: at the course's 16 kHz that is everything above
        8 kHz, a good part of what the network was trained to hear.
    center : bool
        Whether the first window has its centre at 0 s, as in the package unless told otherwise.

    Attributes
    ----------
    name, dims, sample_rate, window, hop
        What it is called, length of the embedding, Hz, and seconds.
    weights : Path
        The weight file.
    published : bool
        Whether that is the published file of this variant, by its hash.

    Raises
    ------
    DataMissing
        When the weights are nowhere to be had; the message says where to get them.
    DataError
        When the weight file is not what it ought to be.
    ValueError
        When there is no such variant.
    """

    window = WINDOW / SAMPLE_RATE
    hop = 0.5
    _prefix = "openl3"

    def __init__(
        self,
        variant: str = "openl3-mel256-env-512",
        weights: str | Path | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        center: bool = True,
    ):
        self.variant = Variant.parse(variant)
        self.name = "-".join((self._prefix, *map(str, self.variant)))
        self.dims = self.variant.size
        self.sample_rate, self.center = sample_rate, center
        self._load(weights)

    def _load(self, weights: str | Path | None) -> None:
        """Set ``weights``, ``published`` and ``network``."""
        name = published_name(self.variant.representation, self.variant.content)
        self.weights = _weights.find(name, weights)
        self.published = weights is None or is_published(self.weights, name)
        self.network = build(self.variant.representation, self.variant.size)
        load_weights(self.network, self.weights)

    def run(self, samples: np.ndarray, hop: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Embed every window of a sound.

        Parameters
        ----------
        samples : ndarray, shape (n,), float
            Mono, at ``sample_rate``; zeros complete the last window, or the only one.
        hop : float, optional
            Seconds from one window to the next; half a second without.

        Returns
        -------
        values : ndarray, shape (windows, dims), float32
        times : ndarray, shape (windows,), float64
            Centre of each window in seconds.

        Raises
        ------
        AudioError
            When the samples are no sound.
        ValueError
            When the hop is not positive.
        """
        samples, cut = self._prepared(samples, hop)
        parts = []
        for block in windows(samples, self.sample_rate, cut):
            for start in range(0, len(block), _BATCH):
                batch = np.ascontiguousarray(block[start : start + _BATCH])
                parts.append(np.asarray(self.network.predict_on_batch(batch)))
        return np.concatenate(parts), cut.times

    def _prepared(self, samples: np.ndarray, hop: float | None) -> tuple[np.ndarray, Cut]:
        """Check sound and hop, and say how the sound falls into windows."""
        hop = self.hop if hop is None else hop
        if not hop * SAMPLE_RATE >= 1:
            raise ValueError(f"hop must be positive, in seconds, found {hop!r}")
        samples = audio.check(samples, quiet=True)
        n_samples = round(len(samples) * SAMPLE_RATE / self.sample_rate)
        return samples, Cut(n_samples, hop=round(hop * SAMPLE_RATE), center=self.center)


class PackageExtractor(Extractor):
    """The openl3 package itself, where it is installed (requirements-openl3.txt).

    Parameters and attributes are those of :class:`Extractor`, but ``weights`` must be unpacked
    (``.h5``); without a path the package takes its own, which count as published.

    Raises
    ------
    ModuleNotFoundError
        When the package is not installed.
    """

    _prefix = "openl3-package"

    def _load(self, weights: str | Path | None) -> None:
        self._package = _package()
        models, (kind, content, size) = self._package.models, self.variant
        name = published_name(kind, content)
        own = weights is None
        path = models.get_audio_embedding_model_path(kind, content) if own else weights
        self.weights = _weights.find(name, path)
        self.published = own or is_published(self.weights, name)
        self.network = models.load_audio_embedding_model_from_path(str(self.weights), kind, size)

    def run(self, samples: np.ndarray, hop: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Embed every window of a sound, as :meth:`Extractor.run` does.

        All windows are in memory at once, so a long recording needs a lot of it.
        """
        samples, cut = self._prepared(samples, hop)
        samples = audio.resample(samples, source=self.sample_rate, target=SAMPLE_RATE)
        cut = replace(cut, n_samples=len(samples))
        values, _ = self._package.get_audio_embedding(
            samples,
            SAMPLE_RATE,
            model=self.network,
            center=self.center,
            hop_size=(cut.hop + 0.5) / SAMPLE_RATE,  # it rounds samples down
            batch_size=_BATCH,
            verbose=False,
        )
        return values, cut.times


def _package():
    """Import openl3, or say how to get it."""
    _quiet.start_keras()
    try:
        import openl3
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the package openl3 cannot be imported ({error}): install requirements-openl3.txt "
            "under Python 3.11, with a network; or use 'openl3', which needs no package"
        ) from error
    return openl3
