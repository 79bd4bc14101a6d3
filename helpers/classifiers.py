"""Networks that name a clip: each is a short function that returns an uncompiled Keras model.

A window model takes one window of log-mel frames, standardised, and gives one score a class.
:func:`over_windows` puts a window model into one that takes all windows of a clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _quiet

if TYPE_CHECKING:
    import keras


def three_blocks(
    *,
    window: int,
    n_mels: int,
    classes: int,
    filters: int = 24,
    dropout: float = 0.5,
    activation: str = "softmax",
) -> keras.Model:
    """Build the network of the talk: three blocks of 5 x 5 filters, then two dense layers.

    Parameters
    ----------
    window : int
        Frames in a window, 16 or more.
    n_mels : int
        Mel bands, 16 or more.
    classes : int
        Scores that it gives.
    filters : int
        Filters of the first block; the other two have twice as many.
    dropout : float
        Share of the features left out in training, before each dense layer.
    activation : {"softmax", "sigmoid"}
        "softmax" names one class; "sigmoid" says of each class whether it is there (tagging).

    Returns
    -------
    keras.Model
        (batch, window, n_mels) to (batch, classes).

    Raises
    ------
    ValueError
        When the window or the number of bands is too small for two poolings by four.

    References
    ----------
    Salamon, J., and Bello, J. P. (2017). Deep convolutional neural networks and data augmentation
    for environmental sound classification. IEEE Signal Processing Letters, 24(3).
    https://arxiv.org/abs/1608.04363
    """
    _quiet.start_keras()
    from keras import Model, layers

    frames, x = _picture(window, n_mels)
    for index, width in enumerate((filters, 2 * filters, 2 * filters)):
        x = layers.Conv2D(width, 5, padding="same", use_bias=False, name=f"block_{index}")(x)
        x = _normed(x)
        if index < 2:
            x = layers.MaxPooling2D((4, 2) if index else (2, 4))(x)
    x = layers.MaxPooling2D((2, 2))(x)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    x = layers.Dropout(dropout)(layers.Dense(64, activation="relu")(x))
    return Model(frames, layers.Dense(classes, activation=activation)(x), name="three_blocks")


def depthwise(
    *,
    window: int,
    n_mels: int,
    classes: int,
    filters: int = 24,
    dropout: float = 0.3,
    activation: str = "softmax",
) -> keras.Model:
    """Build a small network of depthwise-separable convolutions with strides in place of pooling.

    A depthwise convolution filters each channel by itself, a 1 x 1 convolution then mixes the
    channels: a fraction of the multiplications of a full convolution.

    Parameters
    ----------
    window, n_mels, classes, activation
        As in :func:`three_blocks`.
    filters : int
        Filters of the first layer; later ones have two and four times as many.
    dropout : float
        Share of the last features left out in training.

    Returns
    -------
    keras.Model
        (batch, window, n_mels) to (batch, classes).

    Raises
    ------
    ValueError
        When the window or the number of bands is below 16.

    References
    ----------
    Nordby, J. (2019). Environmental sound classification on microcontrollers using convolutional
    neural networks. Master's thesis, NMBU. https://hdl.handle.net/11250/2611624
    """
    _quiet.start_keras()
    from keras import Model, layers

    frames, x = _picture(window, n_mels)
    x = layers.Conv2D(filters, 5, strides=2, padding="same", use_bias=False)(x)
    x = _normed(x)
    for width, size, stride in ((2, 5, 2), (2, 5, 1), (4, 3, 2), (4, 3, 1)):
        x = layers.DepthwiseConv2D(size, strides=stride, padding="same", use_bias=False)(x)
        x = _normed(x)
        x = layers.Conv2D(width * filters, 1, use_bias=False)(x)
        x = _normed(x)
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    return Model(frames, layers.Dense(classes, activation=activation)(x), name="depthwise")


def strided(
    *,
    window: int,
    n_mels: int,
    classes: int,
    filters: int = 16,
    dropout: float = 0.3,
    activation: str = "softmax",
) -> keras.Model:
    """Build a network of four full convolutions that halve the picture by strides.

    Between the other two in cost. Full convolutions run faster on a processor's vector units than
    depthwise ones of fewer multiplications, so this one can train longer in the same time.

    Parameters
    ----------
    window, n_mels, classes, activation
        As in :func:`three_blocks`.
    filters : int
        Filters of the first layer; each later one has twice as many.
    dropout : float
        Share of the last features left out in training.

    Returns
    -------
    keras.Model
        (batch, window, n_mels) to (batch, classes).

    Raises
    ------
    ValueError
        When the window or the number of bands is below 16.
    """
    _quiet.start_keras()
    from keras import Model, layers

    frames, x = _picture(window, n_mels)
    for index, (size, stride) in enumerate(((5, 2), (3, 2), (3, 2), (3, 1))):
        width = filters * 2**index
        x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
        x = _normed(x)
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    return Model(frames, layers.Dense(classes, activation=activation)(x), name="strided")


def over_windows(window_model: keras.Model, *, windows: int, pool: str = "scores") -> keras.Model:
    """Put a window model into one that takes every window of a clip and gives one decision.

    The window model's weights are shared by all windows (TimeDistributed); what is averaged over
    them is its scores or, with ``pool="features"``, what its last layer sees.

    Parameters
    ----------
    window_model : keras.Model
        (batch, window, n_mels) to (batch, classes).
    windows : int
        Windows in a clip. It is fixed: TensorFlow cannot map over a number of windows that changes
        from batch to batch.
    pool : {"scores", "features"}
        What is averaged: the decisions of the windows, or their features before one decision.

    Returns
    -------
    keras.Model
        (batch, windows, window, n_mels) to (batch, classes). It shares its weights with the window
        model: training the one trains the other.

    Raises
    ------
    ValueError
        When `pool` is neither, or there is no window.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    if pool not in ("scores", "features"):
        raise ValueError(f"pool must be 'scores' or 'features', found {pool!r}")
    if windows < 1:
        raise ValueError(f"windows must be 1 or more, found {windows}")
    clip = Input((windows, *window_model.input_shape[1:]))
    if pool == "scores":
        x = layers.TimeDistributed(window_model)(clip)
        return Model(clip, layers.GlobalAveragePooling1D()(x), name="mean_of_scores")
    last = window_model.layers[-1]
    features = Model(window_model.input, last.input)
    x = layers.GlobalAveragePooling1D()(layers.TimeDistributed(features)(clip))
    return Model(clip, last(x), name="mean_of_features")


def raw(*, samples: int, classes: int, filters: int = 24, dropout: float = 0.3) -> keras.Model:
    """Build a network that takes the waveform itself: its first layer learns what mel bands give.

    Parameters
    ----------
    samples : int
        Samples in a window, 8000 or more.
    classes : int
        Scores that it gives.
    filters : int
        Filters of the second layer; later ones have two and four times as many.
    dropout : float
        Share of the last features left out in training.

    Returns
    -------
    keras.Model
        (batch, samples) to (batch, classes).

    Raises
    ------
    ValueError
        When there are too few samples.

    References
    ----------
    Tokozume, Y., and Harada, T. (2017). Learning environmental sounds with end-to-end convolutional
    neural network. ICASSP.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    if samples < 8000:
        raise ValueError(f"samples must be 8000 or more (half a second), found {samples}")
    waveform = Input((samples,))
    x = layers.Reshape((samples, 1))(waveform)
    # 64 filters of 16 ms every 5 ms, their size, and a mean over 20 ms: a learnt filter bank
    x = layers.Conv1D(64, 256, strides=80, padding="same", use_bias=False, name="filter_bank")(x)
    x = _normed(x)
    x = layers.AveragePooling1D(4)(x)
    for width, stride in ((filters, 2), (2 * filters, 2), (4 * filters, 2), (4 * filters, 1)):
        x = layers.Conv1D(width, 5, strides=stride, padding="same", use_bias=False)(x)
        x = _normed(x)
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling1D()(x))
    return Model(waveform, layers.Dense(classes, activation="softmax")(x), name="raw")


def _picture(window: int, n_mels: int):
    """Make the input of a window model: frames, and the same as a picture of one channel."""
    from keras import Input, layers

    for name, found in (("window", window), ("n_mels", n_mels)):
        if found < 16:
            raise ValueError(f"{name} must be 16 or more, found {found}: the poolings need them")
    frames = Input((window, n_mels))
    return frames, layers.Reshape((window, n_mels, 1))(frames)


def _normed(x):
    """Normalise over the batch, then cut off what is negative.

    The momentum forgets within some ten batches: there are few of them in an epoch of little data.
    """
    from keras import layers

    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
