"""Networks that predict what they hear from what they hear, and fail where it is new.

Each function returns an uncompiled Keras model from vectors (some frames of log-mel, one behind the
other) to what it should give back. They are trained on normal sound alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _quiet

if TYPE_CHECKING:
    import keras


def dense(
    *,
    size: int = 640,
    hidden: Sequence[int] = (128, 128, 128, 128),
    bottleneck: int = 8,
    batch_norm: bool = True,
) -> keras.Model:
    """Build the dense autoencoder of the DCASE 2020 Task 2 baseline.

    Parameters
    ----------
    size : int
        Numbers in a vector: frames times mel bands.
    hidden : sequence of int
        Units of the layers before the bottleneck; those behind it are the same in reverse.
    bottleneck : int
        Units in the middle. The narrower, the less gets through that training did not teach.
    batch_norm : bool
        Normalise before each ReLU.

    Returns
    -------
    keras.Model
        (batch, size) to (batch, size). With the defaults 269,992 parameters.

    Raises
    ------
    ValueError
        When a size is below 1.

    References
    ----------
    Koizumi, Y., et al. (2020). Description and discussion on DCASE2020 challenge task 2:
    Unsupervised anomalous sound detection for machine condition monitoring.
    https://arxiv.org/abs/2006.05822
    """
    _at_least_one(size=size, bottleneck=bottleneck, hidden=min(hidden, default=1))
    _quiet.start_keras()
    from keras import Input, Model, layers

    vector = x = Input((size,))
    for units in (*hidden, bottleneck, *reversed(hidden)):
        x = layers.Dense(units)(x)
        if batch_norm:
            x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    return Model(vector, layers.Dense(size)(x), name="dense_autoencoder")


def convolutional(
    *, frames: int = 32, n_mels: int = 128, filters: int = 8, bottleneck: int = 16
) -> keras.Model:
    """Build a small convolutional autoencoder over a second of sound.

    Parameters
    ----------
    frames, n_mels : int
        Size of the picture; multiples of 8.
    filters : int
        Filters of the outer layers; the inner ones have two and four times as many.
    bottleneck : int
        Numbers that the whole picture has to pass through.

    Returns
    -------
    keras.Model
        (batch, frames * n_mels) to the same.

    Raises
    ------
    ValueError
        When a side is not a multiple of 8: three layers halve it.
    """
    for name, found in (("frames", frames), ("n_mels", n_mels)):
        if found < 8 or found % 8:
            raise ValueError(f"{name} must be a multiple of 8, found {found}: it is halved 3 times")
    _at_least_one(filters=filters, bottleneck=bottleneck)
    _quiet.start_keras()
    from keras import Input, Model, layers

    inner = (frames // 8, n_mels // 8, 4 * filters)
    vector = Input((frames * n_mels,))
    x = layers.Reshape((frames, n_mels, 1))(vector)
    for width in (filters, 2 * filters, 4 * filters):
        x = layers.Conv2D(width, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(bottleneck)(layers.Flatten()(x))
    x = layers.Reshape(inner)(layers.Dense(inner[0] * inner[1] * inner[2], activation="relu")(x))
    for width in (2 * filters, filters):
        x = layers.Conv2DTranspose(width, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2DTranspose(1, 5, strides=2, padding="same")(x)
    return Model(vector, layers.Reshape((frames * n_mels,))(x), name="convolutional_autoencoder")


def interpolation(
    *,
    frames: int = 5,
    n_mels: int = 128,
    hidden: Sequence[int] = (64, 32, 16, 32, 64),
) -> keras.Model:
    """Build the interpolation network: it is given the frames around a gap, and says what is in it.

    What stands at the edge of a window is hard to predict, also where the sound is normal; the
    frame in the middle is seen from both sides.

    Parameters
    ----------
    frames : int
        Frames of the window with the one in the middle, an odd number.
    n_mels : int
        Mel bands.
    hidden : sequence of int
        Units of the layers.

    Returns
    -------
    keras.Model
        (batch, (frames - 1) * n_mels) to (batch, n_mels).

    Raises
    ------
    ValueError
        When `frames` is even or below 3.

    References
    ----------
    Suefusa, K., et al. (2020). Anomalous sound detection based on interpolation deep neural
    network. ICASSP. https://arxiv.org/abs/2005.09234
    """
    if frames < 3 or frames % 2 == 0:
        raise ValueError(
            f"frames must be odd and 3 or more, found {frames}: one lies in the middle"
        )
    _at_least_one(n_mels=n_mels, hidden=min(hidden, default=1))
    _quiet.start_keras()
    from keras import Input, Model, layers

    around = x = Input(((frames - 1) * n_mels,))
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
    return Model(around, layers.Dense(n_mels)(x), name="interpolation")


def _at_least_one(**sizes: int) -> None:
    for name, found in sizes.items():
        if found < 1:
            raise ValueError(f"{name} must be 1 or more, found {found}")
