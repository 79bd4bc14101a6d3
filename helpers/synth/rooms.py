"""Rooms: what a microphone at some distance hears of a sound.

A shoebox room gives the direct sound, its first reflections from the six walls (the image
source method of Allen and Berkley 1979) and, after them, a diffuse tail: noise that decays
by 60 dB within the reverberation time. The tail's level follows from the critical distance
``0.057 sqrt(V / RT60)``, at which direct and diffuse sound are equally loud (Kuttruff, "Room
Acoustics", chapter 5). The delay of the direct sound is left out, so that an onset in the
result stays where it was in the dry sound.

References
----------
.. [1] J. B. Allen and D. A. Berkley, "Image method for efficiently simulating small-room
   acoustics", JASA 65(4), 1979.
.. [2] H. Kuttruff, "Room Acoustics", 6th edition, CRC Press, 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from helpers.synth import _noise
from helpers.synth.plop import SAMPLE_RATE

SPEED_OF_SOUND = 343.0


@dataclass(frozen=True)
class Room:
    """Ranges of one kind of room: floor sides and height in metres, RT60 in seconds."""

    side: tuple[float, float]
    height: tuple[float, float]
    rt60: tuple[float, float]


ROOMS: dict[str, Room] = {
    # A cupboard full of things: small and dull.
    "closet": Room((1.0, 2.0), (2.0, 2.4), (0.15, 0.3)),
    # Tiles and worktops.
    "kitchen": Room((2.2, 4.5), (2.3, 2.7), (0.35, 0.6)),
    "living_room": Room((3.5, 6.0), (2.3, 2.8), (0.3, 0.5)),
    # Bare walls.
    "cellar": Room((2.5, 6.0), (1.9, 2.4), (0.5, 0.9)),
    "bathroom": Room((1.6, 3.0), (2.2, 2.6), (0.5, 0.8)),
}
"""Kinds of rooms in which people ferment; reverberation times of furnished small rooms."""


def response(
    *,
    distance: float,
    room: str = "kitchen",
    rt60: float | None = None,
    rng: np.random.Generator | int | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Impulse response from a source to a microphone, the direct sound at sample 0.

    Parameters
    ----------
    distance : float
        Metres between the two.
    room : str
        A key of `ROOMS`, from which size and reverberation time are drawn.
    rt60 : float, optional
        Reverberation time in seconds, in place of a drawn one.
    rng : Generator or int, optional
        Source of randomness: size, places, tail.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64; the direct sound has amplitude 1 at any distance, so that reverberation
        grows as one moves away. Levels are set where sounds are mixed.

    Raises
    ------
    ValueError
        If the room is unknown or the distance not above zero.
    """
    if room not in ROOMS:
        raise ValueError(f"room {room!r} is unknown; choose one of {', '.join(ROOMS)}")
    if distance <= 0:
        raise ValueError(f"distance must be above zero metres, got {distance}")
    rng, kind = _noise.generator(rng), ROOMS[room]
    size = np.array([*rng.uniform(*kind.side, 2), rng.uniform(*kind.height)])
    drawn = rng.uniform(*kind.rt60)
    rt60 = drawn if rt60 is None else rt60
    n = int(1.1 * rt60 * sample_rate)
    out = np.zeros(n)
    out[0] = 1.0
    for delay, amplitude in _reflections(rng, size, distance, rt60):
        index = int(round(delay * sample_rate))
        if 0 < index < n:
            out[index] += amplitude
    return out + _tail(rng, n, size, distance, rt60, sample_rate)


def place(
    samples: np.ndarray,
    *,
    distance: float,
    room: str = "kitchen",
    rt60: float | None = None,
    rng: np.random.Generator | int | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Put a dry sound into a room.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,), dry.
    distance, room, rt60, rng, sample_rate
        See `response`.

    Returns
    -------
    ndarray
        Shape (samples,), float64: onsets stay where they are, the tail beyond the end is cut.
    """
    h = response(distance=distance, room=room, rt60=rt60, rng=rng, sample_rate=sample_rate)
    return signal.oaconvolve(np.asarray(samples, dtype=float), h)[: len(samples)]


def _reflections(rng, size, distance, rt60) -> list[tuple[float, float]]:
    """Delay after the direct sound and relative amplitude of the six first reflections."""
    source = size * rng.uniform(0.2, 0.8, 3)
    direction = rng.standard_normal(3)
    step = distance * direction / np.linalg.norm(direction)
    # Mirror the step at the walls: the microphone stays inside, at most the wanted distance.
    microphone = np.where(
        (source + step > 0) & (source + step < size), source + step, source - step
    )
    microphone = np.clip(microphone, 0.05, size - 0.05)
    absorption = min(0.9, 0.161 * np.prod(size) / (_surface(size) * rt60))
    echo = np.sqrt(1.0 - absorption)
    found = []
    for axis in range(3):
        for wall in (0.0, size[axis]):
            image = source.copy()
            image[axis] = 2.0 * wall - source[axis]
            path = np.linalg.norm(image - microphone)
            # The table or shelf scatters what it reflects: half an echo is left on average.
            amount = rng.uniform(0.4, 0.9) * echo * distance / path
            found.append(((path - distance) / SPEED_OF_SOUND, amount))
    return found


def _tail(rng, n, size, distance, rt60, sample_rate) -> np.ndarray:
    """Diffuse sound: decaying noise, duller with time, as loud as the distance asks for."""
    t = np.arange(n) / sample_rate
    noise = rng.standard_normal(n) * np.exp(-6.91 * t / rt60)
    dull = signal.lfilter([0.5, 0.5], [1.0], noise)
    blend = np.minimum(1.0, t / (0.5 * rt60))
    tail = (1.0 - blend) * noise + blend * dull
    mixing = np.cbrt(np.prod(size)) / SPEED_OF_SOUND  # a wall away: before it there is no tail
    tail *= np.clip(t / mixing, 0.0, 1.0) ** 2
    critical = 0.057 * np.sqrt(np.prod(size) / rt60)
    return tail * distance / critical / np.sqrt(np.sum(tail**2))


def _surface(size: np.ndarray) -> float:
    a, b, c = size
    return 2.0 * (a * b + b * c + a * c)
