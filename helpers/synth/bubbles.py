"""One gas bubble in water: its pitch, how it fades, and how it sounds.

The gas is a spring and the water around it a mass: the bubble rings at a pitch set by its
radius [1]_, [2]_ and fades as it radiates and heats the water; near the surface less water
moves with it and the pitch rises [3]_.

References
----------
.. [1] M. Minnaert, "On musical air-bubbles and the sounds of running water",
   Philosophical Magazine 16, 1933.
.. [2] T. G. Leighton, "The Acoustic Bubble", Academic Press, 1994.
.. [3] K. van den Doel, "Physically based models for liquid sounds", ACM Transactions on
   Applied Perception 2(4), 2005.
"""

from __future__ import annotations

import numpy as np

from helpers.synth._noise import SAMPLE_RATE

GAMMA_CO2 = 1.30
"""Heat capacity ratio of carbon dioxide, the gas that a fermentation gives off."""
PRESSURE = 101_325.0
"""Pressure in the bubble, Pa: an airlock holds back a few centimetres of water, under 1 %."""
DENSITY = 998.0
"""Density of water at 20 degrees, kg per cubic metre."""


def minnaert_frequency(
    radius: float | np.ndarray,
    *,
    gamma: float = GAMMA_CO2,
    pressure: float = PRESSURE,
    density: float = DENSITY,
) -> float | np.ndarray:
    """Resonance of a gas bubble in water, ``sqrt(3 gamma p / rho) / (2 pi r)``.

    Parameters
    ----------
    radius : float or ndarray
        Radius of the bubble in metres, above zero.
    gamma, pressure, density : float
        Heat capacity ratio of the gas, pressure in Pa, density of the liquid in kg/m3.

    Returns
    -------
    float or ndarray
        Frequency in hertz; 3 mm of carbon dioxide ring at about 1 kHz.

    Raises
    ------
    ValueError
        If the radius is not above zero.

    References
    ----------
    Minnaert 1933; Leighton 1994, section 3.2.
    """
    if np.any(np.asarray(radius) <= 0):
        raise ValueError(f"radius must be above zero metres, got {radius!r}")
    return np.sqrt(3.0 * gamma * pressure / density) / (2.0 * np.pi * radius)


def damping(radius: float | np.ndarray) -> float | np.ndarray:
    """Rate at which the ring of a bubble fades: amplitude ``exp(-d t)``.

    Radiation and thermal losses, fitted for the audible range by van den Doel 2005.

    Parameters
    ----------
    radius : float or ndarray
        Radius in metres.

    Returns
    -------
    float or ndarray
        Damping d in 1/s.
    """
    return 0.13 / radius + 0.0072 * radius**-1.5


def bubble(*, radius: float, rise: float = 0.04, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """One bubble: a damped sine at the Minnaert frequency whose pitch rises.

    The frequency is ``f (1 + rise d t)``: in the time in which the ring fades to 1/e it has
    gone up by the fraction `rise`. Van den Doel found about 0.1 for bubbles that reach the
    surface and 0 for those that stay deep; plops here take 0.01 to 0.045, so that the strongest
    frequency stays within 5 percent of the Minnaert frequency.

    Parameters
    ----------
    radius : float
        Radius in metres.
    rise : float
        Relative rise of the pitch in one time constant, 0 to 0.1.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak near 1, until it has faded by 60 dB.

    References
    ----------
    van den Doel 2005, equations 1 to 4.
    """
    frequency, d = minnaert_frequency(radius), damping(radius)
    t = np.arange(int(np.ceil(6.9 / d * sample_rate))) / sample_rate
    phase = 2.0 * np.pi * frequency * (t + 0.5 * rise * d * t**2)
    # The neck of gas snaps within a fraction of a millisecond, not in no time: no click.
    attack = 1.0 - np.exp(-t / (0.15 / frequency))
    return attack * np.exp(-d * t) * np.sin(phase)
