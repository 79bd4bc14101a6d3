"""The whole road, audio to score, on real coughs; without them, on the synthetic stand-in."""

import numpy as np
import pandas as pd
import pytest

from helpers import detection, evaluation, features, labels, splits

FRONT_END = features.FrontEnd()
COLLAR = 0.1


@pytest.fixture(scope="module")
def held_out(coughs):
    """Return files to tune on and others to score, with groups kept together."""
    train, test = splits.by_group(coughs.recordings, n_folds=5, seed=0)[0]
    splits.assert_disjoint(coughs.recordings, train, test)
    return train[:30], test[:20]


@pytest.fixture(scope="module")
def log_mels(coughs, held_out):
    """Return the features of the recordings in use."""
    return features.of_dataset(coughs, front_end=FRONT_END, filenames=[*held_out[0], *held_out[1]])


def scores_of(values: np.ndarray, filename: str, coughs) -> detection.Scores:
    """Wrap one number a frame."""
    durations = coughs.recordings.set_index("filename")["duration"]
    return detection.Scores(
        values=values,
        times=FRONT_END.times(len(values)),
        labels=(coughs.label,),
        duration=float(durations[filename]),
    )


def decoded(decoder, scores: dict) -> pd.DataFrame:
    """Decode recordings into one table."""
    found = [decoder.decode(s).assign(filename=name) for name, s in scores.items()]
    return pd.concat(found, ignore_index=True)


def pooled(coughs, found: pd.DataFrame, filenames) -> float:
    """Return onset F1 over recordings together."""
    counts = evaluation.counts(
        coughs.positives, found, filenames=filenames, label=coughs.label, collar=COLLAR
    )
    return evaluation.pooled_f1(counts)


def test_says_whether_it_is_synthetic(coughs):
    provenances = " ".join(coughs.recordings["provenance"].astype(str)).lower()
    assert coughs.synthetic == ("synth" in provenances)
    assert coughs.label == ("p" if coughs.synthetic else "cough")


def test_perfect_frames_come_back_as_the_events_they_were(coughs, held_out, log_mels):
    scores = {}
    for name in held_out[1]:
        targets = labels.frame_targets(
            coughs.events_of(name, coughs.label),
            front_end=FRONT_END,
            n_frames=len(log_mels[name]),
            label=coughs.label,
        )
        scores[name] = scores_of(targets, name, coughs)
    found = decoded(detection.Decoder(), scores)
    assert pooled(coughs, found, held_out[1]) > 0.9


def test_tuned_energy_beats_chance_on_recordings_it_was_not_tuned_on(coughs, held_out, log_mels):
    tuned_on, scored_on = held_out
    energy = {
        name: scores_of(log_mel.max(axis=1) - np.median(log_mel), name, coughs)
        for name, log_mel in log_mels.items()
    }
    low, high = np.quantile(np.concatenate([s.values for s in energy.values()]), [0.5, 0.99])
    decoders = [
        detection.Decoder(threshold=float(level), low=float(level) - 0.5, max_gap=gap)
        for level in np.linspace(low, high, 8)
        for gap in (0.0, 0.1)
    ]
    decoder = detection.tune(
        {name: energy[name] for name in tuned_on},
        coughs.positives,
        label=coughs.label,
        collar=COLLAR,
        decoders=decoders,
    )
    found = decoded(decoder, {name: energy[name] for name in scored_on})
    chance = evaluation.chance_counts(
        coughs.positives,
        filenames=scored_on,
        durations=coughs.recordings.set_index("filename")["duration"],
        label=coughs.label,
        collar=COLLAR,
        n_seeds=20,
    )
    assert pooled(coughs, found, scored_on) > evaluation.pooled_f1(chance) + 0.1
    assert (found["onset"] >= 0).all()
    assert (found["offset"] >= found["onset"]).all()
