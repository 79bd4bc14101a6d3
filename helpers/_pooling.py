"""From the scores of many windows to one for the clip: every way is a line or two of Keras."""

from __future__ import annotations

POOLINGS = ("max", "mean", "softmax", "linear softmax", "autopool", "attention")


def pooled(scores, features, *, pooling: str):
    """Pool the scores of windows over time.

    Parameters
    ----------
    scores : KerasTensor, shape (batch, windows, 1)
        From 0 to 1.
    features : KerasTensor, shape (batch, windows, n)
        What the scores were made from; attention looks at it.
    pooling : str
        One of :data:`POOLINGS`. All but the maximum are weighted means: every window alike
        ("mean"), by e to the power of its score ("softmax"), by the score itself ("linear
        softmax"), by e to the power of the score times a number that is learnt ("autopool": at 0
        it is the mean, far above it the maximum), or as a small network of its own says
        ("attention": tanh, then softmax over time).

    Returns
    -------
    KerasTensor, shape (batch, 1)

    Raises
    ------
    ValueError
        When the pooling is unknown.

    References
    ----------
    Wang, Y., Li, J., & Metze, F. (2019). A comparison of five multiple instance learning pooling
    functions for sound event detection with weak labeling. ICASSP. https://arxiv.org/abs/1810.09050
    McFee, B., Salamon, J., & Bello, J. P. (2018). Adaptive pooling operators for weakly labeled
    sound event detection. IEEE/ACM TASLP, 26(11). https://arxiv.org/abs/1804.10070
    Ilse, M., Tomczak, J. M., & Welling, M. (2018). Attention-based deep multiple instance learning.
    ICML. https://arxiv.org/abs/1802.04712
    """
    from keras import layers, ops

    if pooling == "max":
        return layers.GlobalMaxPooling1D()(scores)
    if pooling == "mean":
        return layers.GlobalAveragePooling1D()(scores)
    if pooling == "softmax":
        weights = layers.Softmax(axis=1)(scores)
    elif pooling == "linear softmax":
        weights = scores / ops.sum(scores + 1e-7, axis=1, keepdims=True)
    elif pooling == "autopool":
        steeper = layers.Dense(1, use_bias=False, kernel_initializer="ones", name="alpha")(scores)
        weights = layers.Softmax(axis=1)(steeper)
    elif pooling == "attention":
        asked = layers.Dense(32, activation="tanh")(features)
        weights = layers.Softmax(axis=1)(layers.Dense(1)(asked))
    else:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, found {pooling!r}")
    return layers.Flatten()(layers.Dot(axes=1)([weights, scores]))


def count_loss(true, probabilities):
    """Minus the log of the chance that as many windows fire as there are events.

    The number of windows that fire, each with its own chance and for itself, has the
    Poisson-binomial distribution; it is built up one window after the other.

    Parameters
    ----------
    true : tensor, shape (batch, 1)
        Events in each clip.
    probabilities : tensor, shape (batch, windows)

    Returns
    -------
    tensor, shape (batch,)
    """
    from keras import ops

    windows = probabilities.shape[1]
    true = ops.cast(ops.reshape(true, (-1,)), "int32")
    chances = ops.one_hot(ops.zeros_like(true), windows + 1)
    for index in range(windows):
        fires = probabilities[:, index : index + 1]
        one_more = ops.pad(chances[:, :-1], ((0, 0), (1, 0)))
        chances = chances * (1 - fires) + one_more * fires
    # A count that no number of windows can reach is taken for the most that they can.
    reached = ops.one_hot(ops.minimum(true, windows), windows + 1)
    return -ops.log(ops.sum(chances * reached, axis=1) + 1e-9)
