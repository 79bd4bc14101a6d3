"""Make openl3.npz: what the openl3 package computes with weights drawn from a seed.

Run it under Python 3.11 where the package is installed (see requirements-openl3.txt):

    python tests/reference/openl3_reference.py

The tests import from here what draws the weights and the sound, so they need neither the package
nor its weights. The published weights are not used: only the arithmetic is compared.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).with_name("openl3.npz")
VARIANTS = [(kind, size) for kind in ("mel256", "mel128", "linear") for size in (512, 6144)]
SEED = 20190512
HOP = 0.5
SAMPLE_RATE = 48_000
STRIDE = {512: 1, 6144: 5}  # every fifth value still meets all 512 channels
FILTERS = [(1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]


def random_weights(seed: int = SEED) -> list[dict[str, np.ndarray]]:
    """Draw the arrays of the 16 layers in the order of the network.

    Kernels keep the size of what passes (He), and the statistics of the normalising layers are
    near enough to what they meet that every layer works in its normal range.
    """
    rng = np.random.Generator(np.random.PCG64(seed))

    def uniform(low, high, *shape):
        return (low + (high - low) * rng.random(shape)).astype(np.float32)

    def norm(channels, mean, deviation):
        return {
            "gamma": uniform(0.5, 1.5, channels),
            "beta": uniform(-0.2, 0.2, channels),
            "moving_mean": mean + deviation * uniform(-0.3, 0.3, channels),
            "moving_variance": deviation**2 * uniform(0.5, 1.5, channels),
        }

    layers = [norm(1, np.float32(-40), np.float32(20))]
    for index, (inputs, filters) in enumerate(FILTERS):
        width = np.sqrt(6 / (9 * inputs))
        kernel = uniform(-width, width, 3, 3, inputs, filters)
        layers.append({"kernel": kernel, "bias": uniform(-0.1, 0.1, filters)})
        if index < len(FILTERS) - 1:
            layers.append(norm(filters, np.float32(0), np.float32(1)))
    return layers


def write_weights(path: Path, layers: list[dict[str, np.ndarray]]) -> Path:
    """Write arrays as the published files hold them: Keras's old HDF5 layout."""
    import h5py

    names, norms, convolutions = ["input_1", "melspectrogram"], 0, 0
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_group(name).attrs["weight_names"] = np.array([], dtype="S1")
        for layer in layers:
            if "gamma" in layer:
                name, norms = f"batch_normalization_{norms + 8}", norms + 1
            else:
                convolutions += 1
                last = convolutions == len(FILTERS)
                name = "audio_embedding_layer" if last else f"conv2d_{convolutions + 6}"
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in layer]
            for key, values in layer.items():
                group[f"{name}/{key}:0"] = values
            names.append(name)
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.4.0"
    return path


def sound(seconds: float = 2.13) -> np.ndarray:
    """Draw a chirp, a burst of noise and silence at 48 kHz, over noise of -60 dB.

    The noise keeps every level far above the rounding of a Fourier transform in single precision,
    which differs from one processor to the next; the silence is digital.
    """
    rng = np.random.Generator(np.random.PCG64(SEED + 1))
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = 1e-3 * (2 * rng.random(len(t)) - 1)
    chirp = 0.3 * np.sin(2 * np.pi * (100 * t + 6000 * t**2))
    samples += np.where((t < 0.8) | (t >= 1.9), chirp, 0)
    samples += np.where((t >= 0.9) & (t < 1.3), 0.6 * (rng.random(len(t)) - 0.5), 0)
    samples[(t >= 1.4) & (t < 1.9)] = 0
    return samples.astype(np.float32)


def kept(embedding: np.ndarray) -> np.ndarray:
    """Return the values of an embedding that the reference keeps."""
    return embedding[:, :: STRIDE[embedding.shape[1]]]


def main() -> None:
    """Write the reference."""
    import openl3

    layers = random_weights()
    found = {"check": np.array([layer[key].sum() for layer in layers for key in sorted(layer)])}
    with tempfile.TemporaryDirectory() as folder:
        path = write_weights(Path(folder) / "weights.h5", layers)
        for kind, size in VARIANTS:
            model = openl3.models.load_audio_embedding_model_from_path(str(path), kind, size)
            for name, samples in (("long", sound()), ("short", sound(0.3))):
                values, times = openl3.get_audio_embedding(
                    samples, SAMPLE_RATE, model=model, hop_size=HOP, verbose=False
                )
                found[f"{kind}-{size}-{name}"] = kept(values).astype(np.float32)
                found[f"times-{name}"] = times
                print(kind, size, name, values.shape, float(np.sqrt(np.mean(values**2))))
    made_with = ("openl3", "kapre", "tensorflow-cpu", "keras", "numpy")
    found["made_with"] = np.array([f"{name} {version(name)}" for name in made_with])
    np.savez_compressed(REFERENCE, **found)
    print(f"{REFERENCE.name}: {REFERENCE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
