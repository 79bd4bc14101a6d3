"""Things that are struck, stepped on, rained on or driven.

Struck things are sums of damped modes over a burst of noise [1]_; a step is a heel and a sole,
on gravel a shower of grains [1]_; rain is a hiss of drops too many to count, with larger ones that
ring as bubbles [2]_; an engine is a train of combustions through its exhaust [3]_.

References
----------
.. [1] P. R. Cook, "Real Sound Synthesis for Interactive Applications", A K Peters, 2002.
.. [2] K. van den Doel, "Physically based models for liquid sounds", ACM TAP 2(4), 2005.
.. [3] A. Farnell, "Designing Sound", MIT Press, 2010, and S. Baldan, H. Lachambre, S. Delle
   Monache and P. Boussard, "Physically informed car engine sound synthesis for virtual and
   augmented environments", IEEE SIVE, 2015.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from helpers.synth import _noise
from helpers.synth._bouts import Placed, Traits, bouts
from helpers.synth.bubbles import bubble
from helpers.synth.sounds import struck

GLASS = np.array([1.0, 2.32, 4.25, 6.63])
"""Modes of a wine glass over its lowest, which goes roughly with the square of the number of
waves around the rim (A. P. French, American Journal of Physics 51, 1983)."""
PLATE = np.array([1.0, 1.9, 2.8, 4.4, 6.1])


def door_knock(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Knock on a door: a few modes of the panel, and the knuckles."""
    own = traits.generator()
    # A panel has many modes, and wood damps them within some hundredths of a second.
    modes = traits.pitch * np.concatenate([PLATE, own.uniform(2.0, 9.0, 7)])
    modes = modes * own.uniform(0.9, 1.1, 12)
    decays = traits.length * own.uniform(0.5, 1.0, 12) / (modes / traits.pitch) ** 0.5
    knuckle = own.uniform(1500.0, 3500.0)
    placed = []
    for time in bouts(rng, seconds, rate=traits.rate, size=(2, 6), pause=(0.4, 1.2)):
        sound = struck(modes, decays, rng=rng, sample_rate=sample_rate)
        hit = struck(np.array([knuckle]), np.array([0.004]), rng=rng, sample_rate=sample_rate)
        _noise.add(sound, hit, 0, 0.2 + 0.4 * traits.tone)
        placed.append((time, sound, 1.5 * rng.standard_normal()))
    return placed


def footsteps(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Walk: heel and sole, left and right, on wood, tiles or gravel."""
    own = traits.generator()
    sides = own.uniform(0.92, 1.08, 2)
    makers = {"wood": _on_wood, "tiles": _on_tiles, "gravel": _on_gravel}
    placed, time, i = [], rng.uniform(0.02, 0.4), 0
    while time < seconds:
        sound = makers[traits.kind](traits, sides[i % 2], rng, sample_rate)
        placed.append((time, sound, 1.5 * rng.standard_normal()))
        time += (1.0 + 0.04 * rng.standard_normal()) / traits.rate
        i += 1
    return placed


def _on_wood(traits, side, rng, sample_rate) -> np.ndarray:
    """Low modes of the boards."""
    modes = traits.pitch * side * np.array([1.0, 2.1, 3.4])
    return _heel_and_sole(
        modes, traits.length * np.array([0.4, 0.2, 0.12]), traits, rng, sample_rate
    )


def _on_tiles(traits, side, rng, sample_rate) -> np.ndarray:
    """High modes of the heel: nothing rings under it."""
    modes = traits.pitch * side * np.array([4.0, 9.0, 17.0])
    return _heel_and_sole(
        modes, traits.length * np.array([0.1, 0.06, 0.04]), traits, rng, sample_rate
    )


def _heel_and_sole(modes, decays, traits, rng, sample_rate) -> np.ndarray:
    """Two blows a tenth of a second apart, the second softer, with the scuff of the sole."""
    out = np.zeros(int(0.35 * sample_rate))
    apart = rng.uniform(0.06, 0.14)
    for start, gain in ((0.0, 1.0), (apart, rng.uniform(0.2, 0.6))):
        blow = 0.6 * struck(modes, decays, rng=rng, sample_rate=sample_rate)
        thud = _noise.burst(rng, 0.15, rng.uniform(0.006, 0.02), sample_rate=sample_rate)
        centre = modes[0]
        thud = _noise.shape(thud, {centre / 3: 0.2, centre: 1.0, 8 * centre: 0.1}, sample_rate)
        # The sole gives: a step begins within some milliseconds, a blow with a hammer at once.
        soft = np.minimum(1.0, np.arange(len(thud)) / (0.004 * sample_rate))
        _noise.add(out, blow, int(start * sample_rate), gain)
        _noise.add(out, soft * _noise.peak(thud), int(start * sample_rate), gain)
    scuff = _noise.burst(rng, 0.12, 0.03, sample_rate=sample_rate)
    scuff = _noise.shape(scuff, {200.0: 0.1, 2500.0: 1.0, 8000.0: 0.3}, sample_rate)
    _noise.add(out, _noise.peak(scuff), int(apart * sample_rate), 0.1 + 0.5 * traits.tone)
    return _noise.peak(out)


def _on_gravel(traits, side, rng, sample_rate) -> np.ndarray:
    """Many small grains that grind, dense at first."""
    length = 0.12 + 1.2 * traits.length
    n = int(length * sample_rate)
    hits = np.zeros(n)
    count = rng.poisson(250 * length + 150 * traits.tone * length)
    at = (rng.beta(1.3, 2.5, count) * (n - 1)).astype(int)
    hits[at] = rng.exponential(1.0, count) * rng.choice([-1.0, 1.0], count)
    grain = struck(
        side * np.array([1600.0, 2900.0, 4700.0]),
        np.full(3, 0.0015),
        rng=rng,
        sample_rate=sample_rate,
    )
    return _noise.peak(signal.oaconvolve(hits, grain)[:n])


def clock_tick(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Let a clock tick: two clicks in turn, each the same every time but for a breath."""
    own = traits.generator()
    pair = []
    for ratio in (1.0, own.uniform(0.8, 1.0) if traits.kind == "tick_tock" else 1.0):
        modes = traits.pitch * ratio * own.uniform(0.4, 3.0, 12)
        click = struck(modes, traits.length * own.uniform(0.3, 1.0, 12), rng=own)
        if traits.tone > 0.5:  # the escapement unlocks, then locks
            gap = int(own.uniform(0.012, 0.05) * sample_rate)
            both = np.pad(0.5 * click, (0, gap))
            _noise.add(both, click, gap)
            click = _noise.peak(both)
        pair.append(click)
    times = np.arange(rng.uniform(0.02, 1.0 / traits.rate), seconds, 1.0 / traits.rate)
    return [(t, pair[i % 2], 0.7 * rng.standard_normal()) for i, t in enumerate(times)]


def glass_clink(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Touch glasses: high modes that ring on, two glasses at once."""
    own = traits.generator()
    ratios = [GLASS * own.uniform(0.97, 1.03, 4) * r for r in (1.0, own.uniform(1.05, 1.6))]
    placed = []
    for time in bouts(rng, seconds, rate=traits.rate, size=(1, 4), pause=(0.2, 1.2), jitter=0.3):
        out = np.zeros(int(0.05 * sample_rate))
        hard = rng.uniform(0.6, 1.0)
        for modes, gain in zip(ratios, (1.0, rng.uniform(0.2, 0.9)), strict=True):
            decays = traits.length * hard / np.arange(1, 5) ** 0.8
            one = gain * struck(traits.pitch * modes, decays, rng=rng, sample_rate=sample_rate)
            out = np.pad(out, (0, max(0, len(one) - len(out))))
            _noise.add(out, one, 0)
        placed.append((time, _noise.peak(out), 3.0 * rng.standard_normal()))
    return placed


def rain(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Let rain fall: hiss around the pitch, large drops that ring or patter in it."""
    own = traits.generator()
    n = int(seconds * sample_rate)
    below, above = own.uniform(0.05, 0.4), own.uniform(0.15, 0.7)
    points = {80.0: below**2, traits.pitch / 4: below, traits.pitch: 1.0, 8000.0: above}
    hiss = _noise.shape(rng.standard_normal(n), points, sample_rate)
    out = hiss / _noise.rms(hiss)
    patter = np.zeros(n)
    for _ in range(12):
        if traits.kind == "puddle":
            drop = bubble(radius=_noise.log_uniform(own, 0.4e-3, 1.6e-3), sample_rate=sample_rate)
        else:
            low, high = {"leaves": (1500.0, 4000.0), "roof": (300.0, 1800.0)}[traits.kind]
            modes = own.uniform(low, high, 2)
            drop = struck(modes, np.full(2, traits.length), rng=own, sample_rate=sample_rate)
        hits = np.zeros(n)
        count = rng.poisson(seconds * traits.rate / 12)
        hits[rng.integers(0, n, count)] = rng.exponential(1.0, count)
        patter += own.uniform(0.3, 1.0) * signal.oaconvolve(hits, drop)[:n]
    out += (0.2 + 1.2 * traits.tone) * patter / max(_noise.rms(patter), 1e-9)
    slow = _noise.wander(rng, n, seconds=seconds, step=1.5, sample_rate=sample_rate)
    return [(0.0, _noise.peak(out * (1.0 + 0.1 * slow)), 0.0)]


def engine(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Run an engine: combustions that differ from cylinder to cylinder, through an exhaust."""
    own = traits.generator()
    n = int(seconds * sample_rate)
    swing = {"idle": 0.02, "driving": 0.15, "revving": 0.5}[traits.kind]
    step = 1.0 / traits.rate
    bend = _noise.wander(rng, n, seconds=seconds, step=step, sample_rate=sample_rate)
    firing = traits.pitch * np.exp(swing * np.clip(bend, -1.5, 1.5))
    firing = firing * (
        1.0 + 0.01 * _noise.wander(rng, n, seconds=seconds, step=0.03, sample_rate=sample_rate)
    )
    turns = np.cumsum(firing) / sample_rate
    beats = np.flatnonzero(np.diff(np.floor(turns)) > 0)
    cylinders = own.uniform(0.6 - 0.4 * traits.tone, 1.0, own.choice([1, 2, 3, 4]))
    strength = cylinders[np.arange(len(beats)) % len(cylinders)]
    hits = np.zeros(n)
    hits[beats] = strength * np.exp(0.1 * rng.standard_normal(len(beats)))
    width = own.uniform(0.0015, 0.006)
    pulse = np.exp(-np.arange(int(0.03 * sample_rate)) / (width * sample_rate))
    out = signal.oaconvolve(hits, np.diff(pulse, prepend=0.0))[:n]
    gas = rng.standard_normal(n) * signal.oaconvolve(hits, pulse)[:n]
    out = out / _noise.rms(out) + (0.1 + 0.6 * traits.tone) * gas / _noise.rms(gas)
    pipe = own.uniform(60.0, 180.0) * np.array([1, 3, 5, 7])
    points = {30.0: 0.5, 2000.0: own.uniform(0.1, 0.4), 8000.0: own.uniform(0.01, 0.1)}
    points |= {f: own.uniform(0.7, 2.0) for f in pipe}
    out = _noise.shape(out, points, sample_rate)
    return [(0.0, _noise.peak(out), 0.0)]
