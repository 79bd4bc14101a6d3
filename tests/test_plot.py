"""Figures draw what they say: the data of what they drew is compared with what they were given."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from helpers import plot
from helpers._marks import OUTCOMES
from helpers.detection import Decoder, Scores
from helpers.features import FrontEnd


@pytest.fixture(autouse=True)
def _clean_figures():
    with mpl.rc_context():
        plot.use_style()
        yield
    plt.close("all")


@pytest.fixture
def outcomes():
    return pd.DataFrame(
        {
            "onset": [1.0, 2.0, 3.0, 4.0],
            "offset": [1.2, 2.1, 3.1, 4.3],
            "outcome": ["hit", "miss", "false alarm", "hit"],
        }
    )


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax, label):
    return next(found for found in ax.lines if found.get_label() == label)


class TestColours:
    def test_contrast_is_that_of_the_guidelines(self):
        assert plot.contrast("black") == pytest.approx(21)
        assert plot.contrast("white") == pytest.approx(1)
        # the lightest grey that passes 4.5 to 1 on white
        assert plot.contrast("#767676") == pytest.approx(4.54, abs=0.01)

    @pytest.mark.parametrize("name", plot.PALETTE)
    def test_every_colour_stands_out_from_white(self, name):
        assert plot.contrast(plot.PALETTE[name]) >= 3

    def test_outcomes_differ_without_their_colours(self):
        _, markers, hatches = zip(*OUTCOMES.values(), strict=True)
        assert len(set(markers)) == len(markers)
        assert (
            len({hatch for kind, hatch in zip(OUTCOMES, hatches, strict=True) if kind != "event"})
            == 3
        )

    def test_outcomes_differ_for_colour_blind_readers(self):
        # Machado, Oliveira and Fernandes 2009: full protanopia and deuteranopia, on linear RGB
        protanopia = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
        deuteranopia = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
        colours = [plot.PALETTE[OUTCOMES[kind][0]] for kind in ("hit", "miss", "false alarm")]
        linear = np.array([mpl.colors.to_rgb(colour) for colour in colours]) ** 2.2
        for matrix in (protanopia, deuteranopia):
            seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
            gaps = [np.linalg.norm(seen[i] - seen[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
            assert min(gaps) > 0.3

    def test_style_is_white_to_the_edge_and_legible(self):
        fig = plot.waveform(np.zeros(100)).figure
        assert fig.dpi == 90
        assert to_hex(fig.get_facecolor()) == "#ffffff"
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png")
        assert (plt.imread(io.BytesIO(buffer.getvalue()))[0, 0] == 1).all()
        assert mpl.rcParams["xtick.labelsize"] >= 10


class TestWaveform:
    def test_short_samples_are_drawn_as_they_are(self):
        samples = np.sin(np.arange(800) / 10)
        ax = plot.waveform(samples, sample_rate=1000, start=2.0, title="a tone")
        x, y = ax.lines[0].get_data()
        assert np.array_equal(y, samples)
        assert x[[0, -1]] == pytest.approx([2.0, 2.799])
        assert ax.get_title(loc="left") == "a tone"
        assert "s" in ax.get_xlabel()

    def test_no_peak_of_a_long_recording_is_lost(self):
        samples = np.zeros(160_000)
        samples[[777, 91_234]] = 0.9, -0.7
        ax = plot.waveform(samples)
        (band,) = (c for c in ax.collections if isinstance(c, PolyCollection))
        drawn = band.get_paths()[0].vertices
        assert drawn[:, 1].max() == 0.9
        assert drawn[:, 1].min() == -0.7
        at = drawn[drawn[:, 1] == 0.9, 0]
        assert np.abs(at - 777 / 16_000).min() < 0.01
        assert len(drawn) < 10_000
        assert ax.get_xlim() == (0, 10)


class TestSpectrogram:
    @pytest.mark.parametrize("frequency", [500, 1000, 4000])
    def test_a_tone_lies_at_its_tick_and_time(self, frequency):
        front_end = FrontEnd()
        n = np.arange(32_000)
        samples = np.where(n >= 16_000, np.sin(2 * np.pi * frequency * n / 16_000), 0.0)
        log_mel = front_end.log_mel(samples.astype(np.float32))
        ax = plot.spectrogram(log_mel, front_end=front_end)
        image = ax.images[0]
        level = np.asarray(image.get_array())
        band = level[:, -50].argmax()
        tick = dict(zip((t.get_text() for t in ax.get_yticklabels()), ax.get_yticks(), strict=True))
        assert tick[f"{frequency:g}"] == pytest.approx(band, abs=0.75)
        left, right, *_ = image.get_extent()
        width = (right - left) / level.shape[1]
        times = left + (np.arange(level.shape[1]) + 0.5) * width
        assert times == pytest.approx(front_end.times(len(log_mel)))
        loud = times[level[band] > level[band].max() - 6]
        assert loud[0] == pytest.approx(1.0, abs=0.02)

    def test_levels_are_decibels_with_a_scale(self):
        front_end = FrontEnd()
        quiet = np.full((20, 64), np.log(1e-4))
        quiet[5] = np.log(1e-2)
        ax = plot.spectrogram(quiet, front_end=front_end, dynamic_range=30)
        image = ax.images[0]
        assert image.get_array()[0, 5] == pytest.approx(-20)
        assert image.get_array()[0, 0] == pytest.approx(-40)
        assert image.get_clim() == pytest.approx((-50, -20))
        assert image.colorbar.ax.get_ylabel() == "level in dB"

    def test_half_a_minute_stays_a_small_picture(self):
        front_end = FrontEnd()
        samples = np.random.default_rng(0).standard_normal(480_000).astype(np.float32)
        ax = plot.spectrogram(front_end.log_mel(samples), front_end=front_end)
        buffer = io.BytesIO()
        ax.figure.savefig(buffer, format="png")
        # noise is the worst case for PNG; eight such figures must fit a notebook of 1.5 MB
        assert buffer.tell() < 180_000


class TestScores:
    def test_scores_threshold_and_band(self):
        values = np.linspace(0, 1, 50)
        made = Scores(values, np.arange(50) * 0.1 + 0.05, ("p",), 5.0)
        ax = plot.scores(made, decoder=Decoder(threshold=0.6, low=0.3))
        x, y = line(ax, "score of p").get_data()
        assert y == pytest.approx(values)
        assert x == pytest.approx(made.times)
        assert set(line(ax, "threshold").get_ydata()) == {0.6}
        assert set(line(ax, "off below").get_ydata()) == {0.3}
        band = ax.patches[0].get_bbox()
        assert (band.y0, band.y1) == pytest.approx((0.3, 0.6))
        assert ax.get_xlim() == (0, 5)

    def test_one_threshold_has_no_band_and_one_label_is_chosen(self):
        made = Scores(np.zeros((10, 2)), np.arange(10) * 0.1, ("p", "n"), 1.0)
        ax = plot.scores(made, decoder=Decoder(threshold=0.5), label="n")
        assert not ax.patches
        assert texts(ax) == ["score of n", "threshold"]


class TestEvents:
    def test_spans_and_marks_are_where_the_events_are(self, outcomes):
        ax = plot.waveform(np.zeros(80_000), events=outcomes)
        spans = sorted((p.get_x(), p.get_x() + p.get_width()) for p in ax.patches)
        expected = list(zip(outcomes["onset"], outcomes["offset"], strict=True))
        assert np.allclose(spans, expected)
        assert texts(ax) == ["2 hits", "1 miss", "1 false alarm"]
        for kind, label in (
            ("hit", "2 hits"),
            ("miss", "1 miss"),
            ("false alarm", "1 false alarm"),
        ):
            drawn = line(ax, label)
            assert list(drawn.get_xdata()) == list(outcomes["onset"][outcomes["outcome"] == kind])
            colour, marker, _ = OUTCOMES[kind]
            assert drawn.get_marker() == marker
            assert drawn.get_color() == plot.PALETTE[colour]
        hatched = {round(p.get_x(), 3): p.get_hatch() for p in ax.patches}
        assert hatched[2.0] != hatched[3.0]
        assert hatched[1.0] == hatched[4.0]

    def test_marks_along_an_edge_leave_the_picture_free(self, outcomes):
        ax = plot.waveform(np.zeros(80_000))
        plot.mark_events(ax, outcomes[["onset", "offset"]], at="top", colour="black")
        assert not ax.patches
        assert texts(ax) == ["4 events"]
        assert ax.get_xlim() == (0, 5)

    def test_truth_and_detections_on_one_axis_are_told_apart(self, outcomes):
        ax = plot.waveform(np.zeros(80_000))
        plot.mark_events(ax, outcomes[["onset", "offset"]], at="top", name="labels")
        plot.mark_events(ax, outcomes[["onset", "offset"]][:3], at="bottom", name="detections")
        assert texts(ax) == ["4 labels", "3 detections"]
        heights = [line(ax, text).get_ydata()[0] for text in texts(ax)]
        assert heights[0] > 0.5 > heights[1]

    def test_no_events_draw_nothing(self, outcomes):
        ax = plot.waveform(np.zeros(16_000), events=outcomes.iloc[:0])
        assert not ax.patches
        assert ax.get_legend() is None

    def test_unknown_words_are_refused(self, outcomes):
        ax = plt.subplots()[1]
        with pytest.raises(ValueError, match="sideways"):
            plot.mark_events(ax, outcomes, at="sideways")
        with pytest.raises(ValueError, match="draw"):
            plot.mark_events(ax, outcomes.assign(outcome="draw"))


class TestResults:
    @pytest.fixture
    def rows(self):
        return pd.DataFrame(
            {
                "method": ["energy", "network", "network"],
                "role": ["baseline", "ours", "ours"],
                "metric": ["onset_f1_100ms", "onset_f1_100ms", "onset_f1_200ms"],
                "value": [0.5, 0.8, np.nan],
                "low": [0.4, 0.7, np.nan],
                "high": [0.6, 0.9, np.nan],
            }
        )

    def test_dots_and_intervals_from_the_top(self, rows):
        ax = plot.intervals(rows[:2], chance=0.1, xlabel="F1")
        assert [t.get_text() for t in ax.get_yticklabels()] == ["energy", "network"]
        assert ax.yaxis_inverted()
        data = [tuple(map(tuple, found.get_data())) for found in ax.lines]
        assert ((0.4, 0.6), (0, 0)) in data
        assert ((0.8,), (1,)) in data
        open_dot, full_dot = (found for found in ax.lines if found.get_marker() == "o")
        assert open_dot.get_markerfacecolor() == "white"
        assert full_dot.get_markerfacecolor() == full_dot.get_color()
        assert set(line(ax, "chance 0.10").get_xdata()) == {0.1}

    def test_curves_differ_in_line_style_and_the_point_is_ringed(self):
        ax = plot.curve([1, 2, 3], [0.5, 0.3, 0.2], label="A", point=(2, 0.3))
        plot.curve([1, 2, 3], [0.6, 0.4, 0.3], label="B", ax=ax)
        styles = {line(ax, name).get_linestyle() for name in "AB"}
        assert len(styles) == 2
        assert np.ravel(line(ax, "chosen").get_data()).tolist() == [2, 0.3]

    def test_table_has_a_line_for_each_method(self, rows):
        shown = plot.table(rows, caption="The ladder")
        assert list(shown.data.index) == ["energy", "network"]
        assert shown.data.loc["network"].tolist() == ["ours", "0.80 [0.70, 0.90]", "undefined"]
        assert shown.data.loc["energy", "onset_f1_200ms"] == "–"
        html = shown.to_html()
        assert "The ladder" in html
        assert html.count("font-weight: bold") == 1


def test_a_given_axis_is_drawn_on():
    fig, axes = plt.subplots(2)
    samples = np.zeros(16_000, np.float32)
    front_end = FrontEnd()
    assert plot.waveform(samples, ax=axes[0]) is axes[0]
    assert plot.spectrogram(front_end.log_mel(samples), front_end=front_end, ax=axes[1]) is axes[1]
    assert axes[0].lines or axes[0].collections
    assert axes[1].images
    assert plt.get_fignums() == [fig.number]
