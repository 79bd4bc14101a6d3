"""Networks: each is a short function that returns an uncompiled Keras model.

All take log-mel frames, standardised by the front end, and give one score from 0 to 1 for each
output. :func:`cnn` scores a window, :func:`rnn` and :func:`dilated` score every frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _quiet

if TYPE_CHECKING:
    import keras


def cnn(*, window: int, n_mels: int, filters: int = 12, dropout: float = 0.3) -> keras.Model:
    """Build a small convolutional network that scores one window of frames.

    Parameters
    ----------
    window : int
        Frames in a window, 8 or more.
    n_mels : int
        Mel bands.
    filters : int
        Filters of the first layer; the next two have twice as many.
    dropout : float
        Share of the last features left out in training.

    Returns
    -------
    keras.Model
        (batch, window, n_mels) to (batch, 1).

    Raises
    ------
    ValueError
        When the window is too short for three poolings.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    if window < 8:
        raise ValueError(f"window must be 8 frames or more, found {window}")
    frames = Input((window, n_mels))
    x = layers.Reshape((window, n_mels, 1))(frames)
    for index, width in enumerate((filters, 2 * filters, 2 * filters)):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv_{index}")(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D((2, 4) if index == 0 else 2)(x)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    x = layers.Dense(32, activation="relu")(x)
    return Model(frames, layers.Dense(1, activation="sigmoid")(x), name="cnn")


def rnn(
    *, n_mels: int, filters: int = 16, units: int = 24, outputs: int = 1, dropout: float = 0.2
) -> keras.Model:
    """Build a convolutional recurrent network that scores every frame of a window.

    Convolutions see time and frequency, pooling shrinks frequency alone, so there is still one
    output a frame; then a recurrent layer reads the frames in both directions.

    Parameters
    ----------
    n_mels : int
        Mel bands, divisible by 16.
    filters : int
        Filters of each convolution.
    units : int
        Units of the recurrent layer in each direction.
    outputs : int
        Scores a frame.
    dropout : float
        Share of the features left out in training.

    Returns
    -------
    keras.Model
        (batch, frames, n_mels) to (batch, frames, outputs).

    Raises
    ------
    ValueError
        When `n_mels` does not divide by 16.

    References
    ----------
    Cakir, E., et al. (2017). Convolutional recurrent neural networks for polyphonic sound event
    detection. IEEE/ACM TASLP, 25(6). https://arxiv.org/abs/1702.06286
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    frames = Input((None, n_mels))
    x = _stem(frames, n_mels=n_mels, filters=filters, padding="same")
    x = layers.Dropout(dropout)(x)
    x = layers.Bidirectional(layers.GRU(units, return_sequences=True))(x)
    return Model(frames, layers.Dense(outputs, activation="sigmoid")(x), name="rnn")


def dilated(
    *,
    n_mels: int,
    channels: int = 48,
    filters: int = 16,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16),
    right: int | None = None,
    outputs: int = 1,
    dropout: float = 0.1,
) -> keras.Model:
    """Build a dilated depthwise-separable network, which can run on a stream.

    No layer pads: a score comes from real frames alone, so the model takes more frames than it
    gives scores, and :func:`margins` says how many more on either side.

    Parameters
    ----------
    n_mels : int
        Mel bands, divisible by 16.
    channels : int
        Channels of each dilated block.
    filters : int
        Filters of the two convolutions that shrink frequency first.
    dilations : tuple of int
        Distance between the three taps of each block, in frames.
    right : int or None
        Most frames that a score may look ahead, at least 2; None for as many as it looks back.
    outputs : int
        Scores a frame.
    dropout : float
        Share of whole channels left out in training.

    Returns
    -------
    keras.Model
        (batch, left + frames + right, n_mels) to (batch, frames, outputs).

    Raises
    ------
    ValueError
        When `n_mels` does not divide by 16 or `right` is below 2.

    References
    ----------
    Drossos, K., et al. (2020). Sound event detection with depthwise separable and dilated
    convolutions. IJCNN. https://arxiv.org/abs/2002.00476
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    frames = Input((None, n_mels))
    x = _stem(frames, n_mels=n_mels, filters=filters, padding="valid")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(channels, use_bias=False)(x)))
    for dilation, ahead in zip(dilations, lookahead(dilations, right), strict=True):
        x = _block(x, channels=channels, dilation=dilation, ahead=ahead, dropout=dropout)
    scores = layers.Dense(outputs, activation="sigmoid")(x)
    return Model(frames, scores, name="dilated")


def margins(
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16), *, right: int | None = None
) -> tuple[int, int]:
    """Frames that :func:`dilated` needs before the first score and after the last.

    Parameters
    ----------
    dilations : tuple of int
    right : int or None
        As given to :func:`dilated`.

    Returns
    -------
    left, right : int
    """
    ahead = 2 + sum(lookahead(dilations, right))
    return 4 + 2 * sum(dilations) - ahead, ahead


def lookahead(dilations: tuple[int, ...], right: int | None) -> list[int]:
    """Share the frames of look-ahead out to the blocks of :func:`dilated`, the finest first.

    Parameters
    ----------
    dilations : tuple of int
    right : int or None
        As given to :func:`dilated`.

    Returns
    -------
    list of int
        Frames that each block looks ahead, at most its dilation.

    Raises
    ------
    ValueError
        When `right` is below 2: the two layers before the blocks need that many.
    """
    left_over = sum(dilations) if right is None else right - 2
    if left_over < 0:
        raise ValueError(f"right must be 2 frames or more for the first layers, found {right}")
    shares = []
    for dilation in dilations:
        shares.append(min(dilation, left_over))
        left_over -= shares[-1]
    return shares


def _stem(frames, *, n_mels, filters, padding):
    """Two convolutions that shrink frequency by 16 and leave time alone: one vector a frame."""
    from keras import layers

    if n_mels % 16:
        raise ValueError(f"n_mels must be divisible by 16, found {n_mels}")
    x = layers.Reshape((-1, n_mels, 1))(frames)
    for width, stride in ((filters, 2), (2 * filters, 4)):
        if padding == "valid":
            x = layers.ZeroPadding2D((0, 1))(x)
        # A stride costs a fraction of a convolution at every band with a pooling behind it.
        x = layers.Conv2D(width, 3, strides=(1, stride), padding=padding, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D((1, 2))(x)
    return layers.Reshape((-1, n_mels // 16 * 2 * filters))(x)


def _block(x, *, channels, dilation, ahead, dropout):
    """Three taps in time for each channel, a mix of the channels, and the way around both."""
    from keras import layers

    y = layers.DepthwiseConv1D(3, dilation_rate=dilation, padding="valid", use_bias=False)(x)
    y = layers.Conv1D(channels, 1, use_bias=False)(layers.BatchNormalization()(y))
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.SpatialDropout1D(dropout)(y)
    return layers.Add()([y, layers.Cropping1D((2 * dilation - ahead, ahead))(x)])


def multiply_adds(model: keras.Model, *, frames: int) -> int:
    """Count the multiplications that a model needs for one input, biases and norms left out.

    Parameters
    ----------
    model : keras.Model
        From this module.
    frames : int
        Frames of the input.

    Returns
    -------
    int
        Multiply-adds of the convolutions, dense and recurrent layers.
    """
    import numpy as np
    from keras import Model

    layers = [layer for layer in model.layers if layer.count_params() and "norm" not in layer.name]
    shapes = Model(model.input, [layer.output for layer in layers]).compute_output_shape(
        (1, frames, model.input_shape[-1])
    )
    total = 0
    for layer, shape in zip(layers, shapes, strict=True):
        # Every weight but the biases is used once at each place of the output.
        places = int(np.prod(shape[1:-1]))
        total += places * sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
    return total
