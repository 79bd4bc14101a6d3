"""Checks on the sound itself: clipping, silence, level, offset, sample rates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from helpers.apps._own_findings import Finding, counted, named
from helpers.apps._own_sound import Sound
from helpers.audio import SAMPLE_RATE

CLIPPED = 1e-4  # share of the samples
SILENT = 0.05  # share of the frames
QUIET = 0.01  # peak, -40 dB
OFFSET = 0.01
NARROW = 6_200.0  # Hz, of the 8000 that are used: made at 12 kHz or less


def levels(sounds: dict[str, Sound]) -> list[Finding]:
    """Check clipping, silence, level and offset."""
    return [*_clipping(sounds), *_nothing(sounds), *_silence(sounds), *_quiet(sounds), *_dc(sounds)]


def _clipping(sounds: dict[str, Sound]) -> list[Finding]:
    found = _worst(sounds, lambda sound: sound.clipped, CLIPPED)
    if not found:
        return []
    shown = [f"{name} ({100 * sounds[name].clipped:.2g} % of the samples)" for name in found]
    return [
        Finding(
            "warning",
            "clipping",
            f"{_of(found, sounds)} clipped: {named(shown)}.",
            "Flattened peaks add overtones, which a network may take for the event.",
            "Record with less gain next time; the recordings can be used.",
        )
    ]


def _nothing(sounds: dict[str, Sound]) -> list[Finding]:
    found = [name for name, sound in sounds.items() if sound.peak == 0]
    if not found:
        return []
    return [
        Finding(
            "warning",
            "no_signal",
            f"{_of(found, sounds)} nothing but zeros: {named(found)}.",
            "A dead microphone teaches that silence is background, and events labelled there "
            "that they are silent.",
            "Move these files away, with their labels.",
        )
    ]


def _silence(sounds: dict[str, Sound]) -> list[Finding]:
    heard = {name: sound for name, sound in sounds.items() if sound.peak > 0}
    length = sum(sound.duration for sound in heard.values())
    silent = sum(sound.silent * sound.duration for sound in heard.values())
    if not silent > SILENT * length:
        return []
    found = _worst(heard, lambda sound: sound.silent, SILENT)
    half = float(np.median([heard[name].silent for name in found])) if found else 0.0
    return [
        Finding(
            "warning",
            "digital_silence",
            f"{100 * silent / length:.0f} % of the time is digital silence (all zero): in "
            f"{len(found)} of {counted(len(sounds), 'recording')} more than {100 * SILENT:.0f} % "
            f"of the frames, in half of these {100 * half:.0f} % or more.",
            "Where nothing sounds between the events any threshold on the level finds them, so an "
            "energy detector looks better here than it will be in a room.",
            "Look at the scores with background mixed in as well (notebook 14), or record "
            "without a noise gate.",
        )
    ]


def _quiet(sounds: dict[str, Sound]) -> list[Finding]:
    found = [name for name, sound in sounds.items() if 0 < sound.peak < QUIET]
    if not found:
        return []
    found.sort(key=lambda name: sounds[name].peak)
    shown = [f"{name} (peak {20 * np.log10(sounds[name].peak):.0f} dB)" for name in found]
    return [
        Finding(
            "warning",
            "low_level",
            f"{_of(found, sounds)} a very low level: {named(shown)}.",
            "Below -40 dB of full scale the noise of the converter is part of the sound.",
            "Move the microphone closer, or turn its gain up.",
        )
    ]


def _dc(sounds: dict[str, Sound]) -> list[Finding]:
    found = _worst(sounds, lambda sound: abs(sound.offset), OFFSET)
    if not found:
        return []
    shown = [f"{name} ({sounds[name].offset:+.3f})" for name in found]
    return [
        Finding(
            "note",
            "dc_offset",
            f"{_of(found, sounds)} a constant offset (DC): {named(shown)}.",
            "It takes headroom, adds to every level that is measured, and clicks where sound is "
            "cut.",
            "Nothing for a mel front end, which starts above it; else a high-pass filter.",
        )
    ]


def rates(
    recordings: pd.DataFrame, sounds: dict[str, Sound], with_events: set[str]
) -> list[Finding]:
    """Check sample rates and what the spectrum reaches up to."""
    by_rate = recordings["sample_rate"].value_counts().sort_index(ascending=False)
    found = []
    if len(by_rate) > 1:
        found.append(_mixed(recordings, by_rate, with_events))
    low = recordings[recordings["sample_rate"] < SAMPLE_RATE]
    if len(low):
        lowest = int(low["sample_rate"].min())
        found.append(
            Finding(
                "warning",
                "low_rate",
                f"{_of(list(low['filename']), sounds)} less than {SAMPLE_RATE} samples a second, "
                f"down to {lowest} Hz: {named(low['filename'])}.",
                f"Nothing above {lowest // 2} Hz is in them, and the detector listens up to "
                f"{SAMPLE_RATE // 2} Hz.",
                f"Record at {SAMPLE_RATE} Hz or more; 44100 or 48000 will do.",
            )
        )
    return [*found, *_narrow(sounds)]


def _mixed(recordings: pd.DataFrame, by_rate: pd.Series, with_events: set[str]) -> Finding:
    """Different rates, which are worse when they tell recordings with events from those without."""
    holds = recordings["filename"].isin(with_events)
    apart = not set(recordings["sample_rate"][holds]) & set(recordings["sample_rate"][~holds])
    telling = apart and holds.any() and not holds.all()
    shown = named((f"{rate} Hz ({count})" for rate, count in by_rate.items()), shown=6)
    addition = "; recordings with and without events differ in it throughout" if telling else ""
    return Finding(
        "warning" if telling else "note",
        "mixed_rates",
        f"Sample rates differ: {shown}{addition}.",
        "All is brought to 16000 Hz, but a network can learn the device instead of the event."
        if telling
        else "All is brought to 16000 Hz; another rate often means another device.",
        "Record both with one device."
        if telling
        else "Nothing, if every device is in every group.",
    )


def _narrow(sounds: dict[str, Sound]) -> list[Finding]:
    found = [
        name
        for name, sound in sounds.items()
        if sound.sample_rate >= SAMPLE_RATE and sound.band is not None and sound.band < NARROW
    ]
    if not found:
        return []
    found.sort(key=lambda name: sounds[name].band)
    shown = [f"{name} ({sounds[name].band / 1000:.1f} kHz)" for name in found]
    return [
        Finding(
            "warning",
            "empty_band",
            f"{_of(found, sounds)} an empty upper band, as after a lower rate or a narrow coder: "
            f"{named(shown)}.",
            "A network can take the empty band for the event, or for its absence.",
            "Use the original files; recordings with and without events should be alike in this.",
        )
    ]


def _worst(sounds: dict[str, Sound], value: Callable[[Sound], float], limit: float) -> list[str]:
    """Names of the recordings above a limit, the worst first."""
    found = [name for name, sound in sounds.items() if value(sound) > limit]
    return sorted(found, key=lambda name: -value(sounds[name]))


def _of(found: list[str], sounds: dict[str, Sound]) -> str:
    verb = "has" if len(found) == 1 else "have"
    return f"{len(found)} of {counted(len(sounds), 'recording')} {verb}"
