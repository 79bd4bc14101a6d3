"""Splits keep groups whole, cover everything, and are the same everywhere."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import splits

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=25)


def table(sizes, *, test_groups=0):
    rows = [
        {"filename": f"{g}-{i}.wav", "group": f"brew-{g}", "split": part}
        for g, size in enumerate(sizes)
        for part in ["test" if g < test_groups else "train"]
        for i in range(size)
    ]
    return pd.DataFrame(rows)


def groups_of(recordings, names):
    return set(recordings.loc[recordings["filename"].isin(names), "group"])


@given(SIZES, st.integers(2, 6), st.integers(0, 5))
def test_folds_cover_everything_once_and_never_cut_a_group(sizes, n_folds, seed):
    recordings = table(sizes)
    if len(sizes) < n_folds:
        with pytest.raises(splits.SplitError, match=f"{len(sizes)} groups"):
            splits.by_group(recordings, n_folds=n_folds, seed=seed)
        return
    folds = splits.by_group(recordings, n_folds=n_folds, seed=seed)
    tested = sorted(name for _, test in folds for name in test)
    assert tested == sorted(recordings["filename"])
    for train, test in folds:
        assert test
        assert sorted(train + test) == tested
        assert not groups_of(recordings, train) & groups_of(recordings, test)
    lengths = [len(test) for _, test in folds]
    assert max(lengths) - min(lengths) <= max(sizes)


@given(SIZES.filter(lambda sizes: len(sizes) >= 4), st.randoms(use_true_random=False))
def test_order_and_index_of_the_table_do_not_matter(sizes, random):
    recordings = table(sizes, test_groups=1)
    rows = list(range(len(recordings)))
    random.shuffle(rows)
    shuffled = recordings.iloc[rows]
    assert splits.by_group(recordings, n_folds=3) == splits.by_group(shuffled, n_folds=3)
    assert splits.fixed(recordings) == splits.fixed(shuffled)


def test_folds_are_these_on_every_machine():
    folds = splits.by_group(table([2] * 6), n_folds=3, seed=0)
    assert [sorted({name[0] for name in test}) for _, test in folds] == [
        ["0", "1"],
        ["2", "4"],
        ["3", "5"],
    ]


def test_another_seed_gives_other_folds():
    recordings = table([2] * 12)
    folds = {str(splits.by_group(recordings, n_folds=3, seed=seed)) for seed in range(6)}
    assert len(folds) == 6


@given(SIZES, st.floats(0.05, 0.95), st.integers(0, 3))
def test_inner_divides_by_group_near_the_share(sizes, share, seed):
    recordings = table(sizes)
    train, validation = splits.inner(recordings, recordings["filename"], share=share, seed=seed)
    assert train
    assert validation
    assert sorted(train + validation) == sorted(recordings["filename"])
    splits.assert_disjoint(recordings, train, validation)
    if len(sizes) > 2 and 0.3 < share < 0.7 and max(sizes) <= sum(sizes) / 4:
        assert abs(len(validation) / sum(sizes) - share) <= max(sizes) / sum(sizes)


def test_inner_takes_only_the_recordings_named():
    recordings = table([2] * 6)
    some = recordings["filename"][:6]
    train, validation = splits.inner(recordings, some)
    assert sorted(train + validation) == sorted(some)
    with pytest.raises(splits.SplitError, match=r"else\.wav"):
        splits.inner(recordings, ["else.wav", *some])
    with pytest.raises(splits.SplitError, match="1 group"):
        splits.inner(recordings, some[:2])


def test_fixed_keeps_the_test_part_whatever_the_seed():
    recordings = table([2] * 12, test_groups=4)
    parts = [splits.fixed(recordings, seed=seed) for seed in range(4)]
    assert len({tuple(part.test) for part in parts}) == 1
    assert len({tuple(part.validation) for part in parts}) > 1
    assert len(parts[0].test) == 8
    assert len(parts[0].validation) == 4


def test_a_group_on_both_sides_is_refused_by_name():
    recordings = table([2, 2, 2])
    recordings.loc[recordings["filename"] == "1-0.wav", "split"] = "test"
    with pytest.raises(splits.SplitError, match=r"brew-1.*split by group"):
        splits.fixed(recordings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="group"), "'group'"),
        (lambda t: t.assign(group=None), "has no group"),
        (lambda t: pd.concat([t, t]), "more than once"),
    ],
)
def test_bad_tables_are_refused(change, message):
    with pytest.raises(splits.SplitError, match=message):
        splits.by_group(change(table([2] * 6)), n_folds=2)


def test_an_unknown_split_is_refused():
    recordings = table([2] * 6, test_groups=2)
    with pytest.raises(splits.SplitError, match="evaluation"):
        splits.fixed(recordings.replace({"split": {"test": "evaluation"}}))
    with pytest.raises(splits.SplitError, match="both 'train' and 'test'"):
        splits.fixed(table([2] * 6))


def clips(n_folds, *, classes=("a", "b"), per_cell=2):
    """Clips of classes in folds, two clips a source."""
    rows = [
        {"filename": f"{f}-{c}-{i}", "group": f"{f}{c}{i // 2}", "fold": f, "label": c}
        for f in range(1, n_folds + 1)
        for c in classes
        for i in range(per_cell)
    ]
    return pd.DataFrame(rows)


@given(st.integers(3, 10), st.data())
def test_every_official_fold_tests_once_and_chooses_nothing(n_folds, data):
    validation = data.draw(st.integers(1, n_folds - 2))
    recordings = clips(n_folds)
    order = data.draw(st.permutations(range(len(recordings))))
    turns = splits.by_fold(recordings.iloc[list(order)], validation=validation)
    fold_of = recordings.set_index("filename")["fold"]
    assert [turn.test_fold for turn in turns] == list(range(1, n_folds + 1))
    for turn in turns:
        parts = turn.train, turn.validation, turn.test
        assert sorted(sum(parts, [])) == sorted(recordings["filename"])
        assert all(part == sorted(part) for part in parts)
        assert set(fold_of[turn.test]) == {turn.test_fold}
        after = {(turn.test_fold - 1 + step) % n_folds + 1 for step in range(1, validation + 1)}
        assert set(fold_of[turn.validation]) == after
        splits.assert_disjoint(recordings, *parts)


@pytest.mark.parametrize("validation", [0, 2, 5])
def test_too_few_folds_for_three_parts_are_refused(validation):
    with pytest.raises(splits.SplitError, match=f"validation={validation} of 3 folds"):
        splits.by_fold(clips(3), validation=validation)
    with pytest.raises(splits.SplitError, match="of 2 folds.*three folds"):
        splits.by_fold(clips(2))


def test_a_source_in_two_folds_is_refused_by_name():
    recordings = clips(5)
    recordings.loc[recordings["filename"] == "2-a-1", "fold"] = 4
    with pytest.raises(splits.SplitError, match=r"'2a0' is in folds \[2, 4\].*never shuffle"):
        splits.by_fold(recordings)


def test_a_class_that_a_fold_lacks_is_refused_by_name():
    recordings = clips(5)
    lacking = recordings[~((recordings["label"] == "b") & (recordings["fold"] == 3))]
    with pytest.raises(splits.SplitError, match=r"'b' has no clip in fold 3 \(8 in all\)"):
        splits.by_fold(lacking)
    single = pd.concat([recordings, recordings.iloc[:1].assign(filename="x", label="lonely")])
    with pytest.raises(splits.SplitError, match=r"'lonely' has no clip in fold 2 \(1 in all\)"):
        splits.by_fold(single)


@pytest.mark.parametrize("column", ["fold", "label", "group"])
def test_a_table_without_folds_or_labels_is_refused(column):
    with pytest.raises(splits.SplitError, match=f"no column '{column}'"):
        splits.by_fold(clips(5).drop(columns=column))
