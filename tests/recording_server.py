"""Made recordings for the tests, and the loopback server that hands them out."""

import numpy as np

from helpers.apps.loopback import Made, Server, encode

__all__ = ["Made", "Server", "bursts", "encode", "made"]


def bursts(seconds, *, sample_rate=48_000, spacing=0.5, start=0.25, seed=0):
    """Tone bursts of 100 ms every ``spacing`` seconds over faint noise: onsets known exactly."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    phase = (t - start) % spacing
    on = (phase < 0.1) & (t >= start)
    tone = 0.5 * np.sin(2 * np.pi * 500 * phase) * np.sin(np.pi * phase / 0.1)
    return (np.where(on, tone, 0) + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


def made(seconds, *, kind="ogg", sample_rate=48_000, seed=0, **more):
    """Build a recording of :func:`bursts` ready to serve; ``more`` goes to :class:`Made`."""
    samples = bursts(seconds, sample_rate=sample_rate, seed=seed)
    return Made(encode(samples, sample_rate=sample_rate, kind=kind), kind=kind, **more)
