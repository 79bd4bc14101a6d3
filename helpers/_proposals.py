"""Proposals: events found without any label, for a person to review.

Used through :mod:`helpers.labels`. Notebook 03 builds the same steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers._events import COLUMNS
from helpers._hmm import (
    DECIBELS,
    excess_bands,
    fit_posterior,
    hysteresis,
    loudest_state,
    run_lengths,
    silent_frames,
)
from helpers.features import FrontEnd, delta, frame_index, mfcc

# Events last 60 ms and more and come up to eight a second: a hop of 10 ms puts several frames
# on each, where one of 128 ms would put an event and the next into one frame.
FRONT_END = FrontEnd(n_mels=40)
_BEFORE = 0.1  # seconds before an onset among which the quietest frame is looked for


@dataclass(frozen=True)
class Proposal:
    """What :func:`propose` found in one recording, and whether to trust it.

    Attributes
    ----------
    events : DataFrame
        Columns onset, offset, event_label and rise (dB over the 100 ms before); empty when there
        is no event here.
    posterior : ndarray, shape (frames,)
        Probability of the state that was taken for the event, 0 in digital silence.
    excess : ndarray, shape (frames,)
        Mean level over the background, in dB.
    times : ndarray, shape (frames,)
        Centres of the frames in seconds.
    plausible : bool
        Whether the events look like those of one steady source.
    reason : str
        Why, in words.
    rise : float
        Median rise in dB of what is loud, dropped or not; NaN where nothing is.
    """

    events: pd.DataFrame
    posterior: np.ndarray
    excess: np.ndarray
    times: np.ndarray
    plausible: bool
    reason: str
    rise: float = float("nan")


def propose(
    samples: np.ndarray,
    *,
    front_end: FrontEnd = FRONT_END,
    label: str = "p",
    n_states: int = 3,
    n_mfcc: int = 5,
    restarts: int = 3,
    seed: int = 0,
    quantile: float = 0.2,
    high: float = 0.5,
    low: float = 0.4,
    min_length: float = 0.03,
    min_rise: float = 1.5,
    min_share: float = 0.4,
    regular: bool = True,
) -> Proposal:
    """Propose events by a hidden Markov model fitted to this one recording.

    Level over the background, 40 bands, goes to a few cepstral coefficients and the slope of the
    first; a Gaussian HMM is fitted from several starts and the likeliest kept; its loudest state
    is the event; hysteresis on the posterior makes events, each onset moves to the steepest rise
    nearby, and events that rise far less than the others are dropped. Digital silence is
    never seen by the model: it would take a state for itself.

    Parameters
    ----------
    samples
        Mono audio at the front end's sample rate, shape (samples,).
    front_end
        Frames; mean and deviation are not used, since the recording is standardised by itself.
    label
        What to call the events.
    n_states
        States of the model: quiet, what is between, event.
    n_mfcc
        Cepstral coefficients, the first being the level over the background. A diagonal Gaussian
        counts each one the same, so many of them outvote the level.
    restarts, seed
        Number of starts, and seed of the first.
    quantile
        Where the background of a band lies among its frames: lower for events that fill more of
        the recording.
    high, low
        Hysteresis: an event needs a posterior of ``high`` somewhere and lasts while it is ``low``.
    min_length
        Shortest event in seconds.
    min_rise
        dB that the median event must rise over the 100 ms before it; below, the answer is that
        there is no event here. It depends on the kind of recording.
    min_share
        Share of the rise of the strong events (their 90th percentile) that an event must reach.
    regular
        Whether events come from a source that repeats, so that intervals say something.

    Returns
    -------
    Proposal

    Raises
    ------
    ValueError
        When `samples` are not audio of one channel, or a setting is out of range.

    References
    ----------
    Rabiner (1989), "A tutorial on hidden Markov models and selected applications in speech
    recognition", Proc. IEEE 77(2). J. Nordby, brewing-audio-event-detection (2021), for the use
    of a two-state HMM on MFCC to pre-label airlocks.
    """
    if n_states < 2 or restarts < 1 or not 0 < low <= high <= 1:
        raise ValueError(
            f"need n_states >= 2, restarts >= 1 and 0 < low <= high <= 1; found {n_states=}, "
            f"{restarts=}, {low=}, {high=}"
        )
    log_mel = front_end.log_mel(samples)
    times = front_end.times(len(log_mel))
    bands, silent = excess_bands(log_mel, front_end=front_end, quantile=quantile)
    excess, posterior = bands.mean(1), np.zeros(len(times))
    if (~silent).sum() < 10 * n_states:
        reason = "no event: nothing but silence"
        return Proposal(_no_events(label), posterior, excess, times, False, reason)
    cepstrum = mfcc(bands, n_mfcc=n_mfcc)
    states = fit_posterior(
        np.hstack([cepstrum, delta(cepstrum[:, :1], width=7)])[~silent],
        lengths=run_lengths(~silent),
        n_states=n_states,
        starts=range(seed, seed + restarts),
    )
    posterior[~silent] = loudest_state(states, excess[~silent])
    events = _to_events(hysteresis(posterior, high=high, low=low), times, label)
    events = _refine(events, excess, front_end, min_length)
    rise = float(events["rise"].median())
    if not rise >= min_rise:
        found = "nowhere" if np.isnan(rise) else f"{rise:.1f} dB"
        reason = f"no event: what is loud rises {found}; {min_rise:g} dB were asked for"
        return Proposal(_no_events(label), posterior, excess, times, False, reason, rise)
    events = strong_enough(events, min_share)
    duration = len(samples) / front_end.sample_rate
    events["offset"] = events["offset"].clip(upper=duration)
    judged = plausibility(events, duration=duration, regular=regular)
    return Proposal(events, posterior, excess, times, *judged, rise)


def strong_enough(events: pd.DataFrame, min_share: float) -> pd.DataFrame:
    """Drop what rises by less than a share of the strong events, their 90th percentile."""
    if events.empty:
        return events
    least = min_share * np.percentile(events["rise"], 90)
    return events[events["rise"] >= least].reset_index(drop=True)


def propose_energy(
    samples: np.ndarray,
    *,
    threshold: float,
    reference: str = "background",
    front_end: FrontEnd = FRONT_END,
    label: str = "p",
    min_length: float = 0.03,
) -> pd.DataFrame:
    """Propose events where the level crosses a threshold: the plain peer of :func:`propose`.

    Parameters
    ----------
    samples
        Mono audio at the front end's sample rate.
    threshold
        Level in dB, over the median of the frames that are not digital silence
        (``"background"``) or over one (``"full_scale"``, in the front end's power).
    reference
        ``"background"`` or ``"full_scale"``.
    front_end, label, min_length
        As for :func:`propose`.

    Returns
    -------
    DataFrame
        Columns onset, offset, event_label.
    """
    if reference not in ("background", "full_scale"):
        raise ValueError(f"reference is {reference!r}; it is 'background' or 'full_scale'")
    log_mel = front_end.log_mel(samples)
    level = DECIBELS * np.log(np.exp(log_mel, dtype=np.float64).sum(1))
    silent = silent_frames(log_mel, front_end)
    if silent.all():
        return _no_events(label).drop(columns="rise")
    zero = np.median(level[~silent]) if reference == "background" else 0.0
    inside = hysteresis(level - zero, high=threshold, low=threshold - 3) & ~silent
    events = _to_events(inside, front_end.times(len(level)), label)
    return _long_enough(events, min_length, front_end)


def plausibility(
    events: pd.DataFrame, *, duration: float, regular: bool = True
) -> tuple[bool, str]:
    """Say whether events look like those of one steady source, and why.

    The number of intervals that the median interval predicts is compared with the number found:
    doubled events make the median short, missed ones leave holes; both lower the share found.

    Parameters
    ----------
    events
        Column onset, in seconds.
    duration
        Length of the recording in seconds.
    regular
        Whether intervals say anything about this source.

    Returns
    -------
    tuple of bool and str

    References
    ----------
    J. Nordby, brewing-audio-event-detection (2021): expected = duration / median interval.
    """
    if len(events) == 0:
        return False, "no event"
    if not regular:
        return True, f"{len(events)} events; intervals are not judged"
    if len(events) < 4:
        return False, f"only {len(events)} events: intervals cannot be judged, listen to all"
    intervals = np.diff(events["onset"].sort_values())
    expected = duration / max(np.median(intervals), 1e-3)
    variation, share = float(np.std(intervals) / np.mean(intervals)), len(events) / expected
    told = f"{len(events)} events, {share:.0%} of what their median interval predicts, "
    told += f"variation {variation:.2f}"
    if share < 0.6 or share > 1.4:
        return False, told + ": holes or doubles"
    if variation > 0.9:
        return False, told + ": as irregular as chance"
    return True, told


def _to_events(inside: np.ndarray, times: np.ndarray, label: str) -> pd.DataFrame:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]]).astype(np.int8)))
    hop = times[1] - times[0] if len(times) > 1 else 0.01
    ends = np.append(times, times[-1] + hop)
    events = pd.DataFrame(ends[edges.reshape(-1, 2)], columns=COLUMNS[:2])
    events["event_label"] = pd.Series(label, index=events.index, dtype=object)
    return events


def _long_enough(events: pd.DataFrame, shortest: float, front_end: FrontEnd) -> pd.DataFrame:
    # Half a hop less, so that rounding never decides about an event as short as the shortest.
    kept = events["offset"] - events["onset"] >= shortest - 0.5 / front_end.frame_rate
    return events[kept].reset_index(drop=True)


def _refine(
    events: pd.DataFrame, excess: np.ndarray, front_end: FrontEnd, shortest: float
) -> pd.DataFrame:
    """Fit each event to the level: the steepest rise nearby, and the fall to half of its peak.

    The loud state may hold only the attack of an event. Adds ``rise``: dB from the quietest frame
    shortly before to the peak.
    """
    times = front_end.times(len(excess) + 1)
    before = max(1, round(_BEFORE * front_end.frame_rate))
    firsts = [frame_index(onset, front_end=front_end) for onset in events["onset"]]
    stops = [frame_index(offset, front_end=front_end) for offset in events["offset"]]
    rows, free = [], 0
    for first, stop, limit in zip(firsts, stops, [*firsts[1:], len(excess)], strict=True):
        peak = first + int(excess[first:stop].argmax())
        slope = np.diff(excess[max(free, first - 5) : peak + 1])
        start = max(free, first - 5) + 1 + int(slope.argmax()) if len(slope) else first
        rise = excess[peak] - excess[max(0, start - before) : start + 1].min()
        while stop < limit and excess[stop] >= excess[peak] / 2:
            stop += 1
        rows.append((times[start], times[stop], rise))
        free = stop
    refined = pd.DataFrame(rows, columns=[*COLUMNS[:2], "rise"], dtype=float)
    events = refined.assign(event_label=events["event_label"])[[*COLUMNS, "rise"]]
    return _long_enough(events, shortest, front_end)


def _no_events(label: str) -> pd.DataFrame:
    empty = pd.DataFrame(columns=[*COLUMNS, "rise"])
    return empty.astype({"onset": float, "offset": float, "rise": float})
