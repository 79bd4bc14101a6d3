"""What lasts in a source of everyday sounds, and when it sounds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from helpers.synth import _noise

Placed = list[tuple[float, np.ndarray, float]]
"""Start in seconds, sound, and level in decibels of each event of a clip."""


@dataclass(frozen=True)
class Traits:
    """What makes one dog, door or engine sound like itself.

    Attributes
    ----------
    kind : str
        Variety within the class, for instance the ground under footsteps.
    pitch : float
        Fundamental, lowest mode or centre of the spectrum, in hertz.
    length : float
        Length of one event or time constant of its decay, in seconds.
    rate : float
        Events, cycles or drops a second.
    tone : float
        0 to 1: from clear to rough, dry to full, or dull to bright; see each class.
    own : int
        Seed of everything else that belongs to the source: mode ratios, formants.
    """

    kind: str
    pitch: float
    length: float
    rate: float
    tone: float
    own: int

    def generator(self) -> np.random.Generator:
        """Give the source's own numbers, the same in each of its clips."""
        return _noise.generator(self.own)

    def today(self, rng: np.random.Generator) -> Traits:
        """Vary a little, as one source does from clip to clip."""
        spread = np.exp(np.array([0.04, 0.1, 0.1]) * rng.standard_normal(3))
        return replace(
            self,
            pitch=self.pitch * spread[0],
            length=self.length * spread[1],
            rate=self.rate * spread[2],
            tone=float(np.clip(self.tone + 0.1 * rng.standard_normal(), 0.0, 1.0)),
        )


def bouts(
    rng: np.random.Generator,
    seconds: float,
    *,
    rate: float,
    size: tuple[int, int],
    pause: tuple[float, float],
    jitter: float = 0.08,
) -> np.ndarray:
    """Draw times of events that come in bouts with pauses between them.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    seconds : float
        Length to fill.
    rate : float
        Events a second within a bout.
    size : tuple of int
        Fewest and most events of a bout.
    pause : tuple of float
        Shortest and longest pause after a bout, in seconds, beyond the usual interval.
    jitter : float
        Standard deviation of the intervals, as a share of them.

    Returns
    -------
    ndarray
        Sorted times in seconds, the first within half a second; at least one.
    """
    times, time = [], rng.uniform(0.02, 0.5)
    while time < seconds:
        for _ in range(rng.integers(size[0], size[1] + 1)):
            times.append(time)
            time += max(0.3, 1.0 + jitter * rng.standard_normal()) / rate
        time += rng.uniform(*pause)
    return np.array([time for time in times if time < seconds])
