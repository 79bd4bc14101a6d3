"""The rows of results: valid, replaced and not doubled, sorted, and never half-written."""

import importlib.util
import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.evaluation import Interval

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "rows.py"
spec = importlib.util.spec_from_file_location("rows", FILE)
rows = importlib.util.module_from_spec(spec)
sys.modules.setdefault("rows", rows)
spec.loader.exec_module(rows)


def made(**change):
    base = {
        "area": "detection",
        "dataset": "brewery",
        "method": "cnn",
        "role": "ours",
        "metric": "onset_f1_100ms",
        "value": 0.8,
        "command": "python benchmarks/ladder.py",
    }
    return rows.row(**(base | change))


def test_an_interval_brings_its_ends_and_n():
    found = made(value=Interval(0.8123456789, 0.7, 0.9, 0.95, 120))
    assert (found["value"], found["low"], found["high"], found["n"]) == (0.812346, 0.7, 0.9, 120)
    assert tuple(found) == rows.KEYS


def test_what_is_undefined_becomes_null():
    found = made(value=Interval(math.nan, math.nan, math.nan, 0.95, 3, "no event"))
    assert (found["value"], found["low"], found["high"]) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": "cooking"}, "area 'cooking'"),
        ({"role": "rival"}, "role 'rival'"),
        ({"method": " "}, "method must be text"),
        ({"low": 0.7}, "come together"),
        ({"low": 0.9, "high": 0.7}, "above high"),
        ({"n": -1}, "n must be"),
    ],
)
def test_a_bad_row_is_refused_by_key(change, message):
    with pytest.raises(ValueError, match=message):
        made(**change)


def test_a_bad_row_leaves_the_file_alone(tmp_path):
    path = tmp_path / "results.json"
    rows.add([made()], path=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="keys"):
        rows.add([made(method="rnn"), {"area": "detection"}], path=path)
    with pytest.raises(ValueError, match="keys"):
        rows.add([made() | {"note": "x"}], path=path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_the_same_figure_is_replaced_and_another_condition_is_not(tmp_path):
    path = tmp_path / "results.json"
    rows.add([made(), made(condition={"snr_db": 0}, value=0.6)], path=path)
    found = rows.add([made(value=0.9)], path=path)
    assert sorted(row["value"] for row in found) == [0.6, 0.9]
    assert rows.load(path=path) == found


@given(st.permutations(range(8)))
def test_the_order_of_adding_does_not_matter(order):
    from tempfile import TemporaryDirectory

    many = [
        made(method=f"m{i % 4}", role=("chance", "ours")[i % 2], condition={"seed": i // 4})
        for i in range(8)
    ]
    with TemporaryDirectory() as folder:
        at_once, one_by_one = Path(folder) / "a.json", Path(folder) / "b.json"
        rows.add(many, path=at_once)
        for i in order:
            rows.add([many[i]], path=one_by_one)
        assert at_once.read_bytes() == one_by_one.read_bytes()


def test_two_benchmarks_at_once_lose_nothing(tmp_path):
    path = tmp_path / "results.json"
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: rows.add([made(method=f"m{i}")], path=path), range(24)))
    assert {row["method"] for row in rows.load(path=path)} == {f"m{i}" for i in range(24)}


def test_the_file_is_a_flat_list_with_a_line_for_each_row(tmp_path):
    path = tmp_path / "results.json"
    rows.add([made(method=name) for name in "abc"], path=path)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("[", "]")
    assert [json.loads(line.rstrip(","))["method"] for line in lines[1:-1]] == ["a", "b", "c"]


def test_a_broken_file_is_named_and_kept(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('[{"area":')
    with pytest.raises(ValueError, match=r"results\.json is not JSON"):
        rows.add([made()], path=path)
    assert path.read_text() == '[{"area":'


def test_markdown_holds_every_figure(tmp_path):
    path, to = tmp_path / "results.json", tmp_path / "results.md"
    rows.add(
        [
            made(value=Interval(0.8, 0.7, 0.9, 0.95, 120)),
            made(method="chance", role="chance", value=0.125, n=120),
            made(metric="rate_within_10pct", value=float("nan")),
            made(area="cost", metric="x_realtime", value=412.0, unit="x", condition={"cores": 2}),
        ],
        path=path,
    )
    text = rows.write_markdown(path=path, to=to)
    assert to.read_text() == text
    assert "| chance | chance | 0.125 | – | 120 |" in text
    assert "| **cnn** | ours | 0.800 [0.700, 0.900] | undefined | 120 |" in text
    assert "## cost: brewery (cores 2)" in text
    assert "x_realtime (x)" in text
    assert text.count("python benchmarks/ladder.py") == 2


def test_the_committed_results_are_valid_and_written_out(tmp_path):
    if not rows.RESULTS.exists():
        assert not rows.MARKDOWN.exists()
        return
    assert rows.load()
    text = rows.write_markdown(to=tmp_path / "results.md")
    assert rows.MARKDOWN.read_text(encoding="utf-8") == text, "run python benchmarks/rows.py"
