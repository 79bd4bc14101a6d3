"""Helpers of the machine hearing course: from a label file to a live counter.

The core modules go the way of the data, one room a step: :mod:`helpers.audio`,
:mod:`helpers.features`, :mod:`helpers.models`, :mod:`helpers.detection` and
:mod:`helpers.evaluation`. :mod:`helpers.synth` makes sounds with exact truth, and
:mod:`helpers.apps` holds the programs built on both.
"""

__version__ = "0.1.0"
