"""A hidden Markov model of one recording, from level over background to a posterior."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator

import numpy as np

from helpers.features import FrontEnd

DECIBELS = 10 / math.log(10)  # from natural logarithm of power
DEPTH = 50.0  # dB under the loudest frame; what is further down is background whatever it is


def excess_bands(
    log_mel: np.ndarray, *, front_end: FrontEnd, depth: float = DEPTH, quantile: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Level of each band over its own background, in dB, and the frames of digital silence.

    Parameters
    ----------
    log_mel
        Shape (frames, n_mels), natural logarithm, not standardised.
    front_end
        Its floor says what silence is.
    depth
        Everything is lifted to ``depth`` dB under the 99.9th percentile of the frames that are not
        silence first, so that a quiet room and a quieter one look alike.
    quantile
        The background of a band: this quantile of its frames that are not silence.

    Returns
    -------
    excess : ndarray, shape (frames, n_mels), float32
        Zero where a band is at or below its background.
    silent : ndarray of bool, shape (frames,)
    """
    silent = silent_frames(log_mel, front_end)
    if silent.all():
        return np.zeros_like(log_mel, np.float32), silent
    decibels = DECIBELS * log_mel
    decibels = np.maximum(decibels, np.percentile(decibels[~silent], 99.9) - depth)
    background = np.quantile(decibels[~silent], quantile, axis=0)
    return np.maximum(decibels - background, 0).astype(np.float32), silent


def fit_posterior(inputs, *, lengths, n_states: int, starts) -> np.ndarray:
    """Fit one Gaussian HMM from each start and return the posterior of the likeliest.

    Parameters
    ----------
    inputs
        Shape (frames, features); standardised here.
    lengths
        Frames in each stretch between silences, whose sum is the number of frames.
    n_states
        States of the model.
    starts
        A seed for each start.

    Returns
    -------
    ndarray, shape (frames, n_states)
    """
    from hmmlearn.hmm import GaussianHMM
    from threadpoolctl import threadpool_limits

    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-6)
    # Fifty frames already seen in each state before the first: states that last.
    sticky = 1 + 50 * np.eye(n_states)
    best, found = -np.inf, None
    for start in starts:
        model = GaussianHMM(
            n_states,
            "diag",
            n_iter=25,
            min_covar=1e-2,
            transmat_prior=sticky,
            random_state=start,
        )
        # The fits are small: threads that wait for each other cost ten times what they save.
        with _quiet(), threadpool_limits(1):
            likelihood = model.fit(inputs, lengths).score(inputs, lengths)
        if likelihood > best:
            best, found = likelihood, model
    if found is None:
        return np.full((len(inputs), n_states), 1 / n_states)
    return found.predict_proba(inputs, lengths)


def loudest_state(posterior: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Column of the state whose frames are loudest by median: the one taken for the event."""
    state = posterior.argmax(1)
    levels = [
        np.median(excess[state == k]) if (state == k).any() else -np.inf
        for k in range(posterior.shape[1])
    ]
    return posterior[:, int(np.argmax(levels))]


def hysteresis(values: np.ndarray, *, high: float, low: float) -> np.ndarray:
    """Frames of runs at or above `low` that reach `high` somewhere; bool, shape (frames,)."""
    above = values >= low
    edges = np.flatnonzero(np.diff(np.concatenate([[0], above, [0]]).astype(np.int8)))
    inside = np.zeros(len(values), bool)
    for first, stop in edges.reshape(-1, 2):
        inside[first:stop] = values[first:stop].max() >= high
    return inside


def silent_frames(log_mel: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    return log_mel.max(1) < math.log(front_end.floor) + 3 / DECIBELS


def run_lengths(inside: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]]).astype(np.int8)))
    return np.diff(edges.reshape(-1, 2), axis=1)[:, 0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep hmmlearn from reporting each start that stopped before it converged."""
    logger = logging.getLogger("hmmlearn.base")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
