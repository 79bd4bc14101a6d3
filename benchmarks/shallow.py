"""Classifiers that take one vector a clip, their settings chosen on clips that do not test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

TREES = 300


def linear(c: float, seed: int = 0):
    """Logistic regression on standardised vectors."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))


def forest(least: int, seed: int = 0):
    """Random forest."""
    options = {"min_samples_leaf": least, "n_jobs": 2, "random_state": seed}
    return RandomForestClassifier(TREES, **options)


def machine(c: float, seed: int = 0):
    """Support vector machine with a radial kernel."""
    return make_pipeline(StandardScaler(), SVC(C=c))


# What may be chosen, for a baseline as for the rest; among equals the first is taken.
CLASSIFIERS: dict[str, tuple[Callable, tuple]] = {
    "linear": (linear, (1.0, 0.1, 0.01, 0.001)),
    "random forest": (forest, (1, 3)),
    "SVM": (machine, (10.0, 1.0, 100.0)),
}


def tuned(make: Callable, settings: tuple, learn: tuple, held: tuple, *, seed: int = 0):
    """Return the classifier, not fitted, whose setting does best on clips that were held back.

    Parameters
    ----------
    make : callable
        From a setting and a seed to a classifier.
    settings : tuple
    learn, held : tuple of ndarray
        Vectors and labels to learn from, and to choose by.
    seed : int
    """
    if len(settings) == 1:
        return make(settings[0], seed)
    scores = [make(setting, seed).fit(*learn).score(*held) for setting in settings]
    return make(settings[int(np.argmax(scores))], seed)
