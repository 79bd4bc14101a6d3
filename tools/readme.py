"""Write the parts of README.md that follow from other files: the picture, the map, the scoreboard.

Each part stands between two comments, `<!-- NAME: start -->` and `<!-- NAME: end -->`, and is
never edited by hand. `--check` writes nothing and fails where a part is out of date.
"""

import re
import sys
from pathlib import Path

import scoreboard

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"

PICTURE = "notebooks/images/readme.png"
PICTURE_SAYS = (
    "Above: spectrogram of ten seconds of a synthetic brew with a mark on every plop that the "
    "detector found. Below: bubbles per minute over five simulated days, the detector's counts "
    "with their intervals along the true curve."
)

# The series: file name without number and suffix, and what one has after it.
SERIES = [
    ("hear_it_first", "Hear the finished system at work, and what an audio event is"),
    ("collect", "Plan a data set, record your own, hunt for videos and fetch them"),
    ("explore", "Listen, look and measure before choosing anything"),
    ("label", "Label by hand in Audacity, then let a hidden Markov model propose"),
    (
        "windows_and_features",
        "From samples to frames, mel bands and windows; splits that do not leak",
    ),
    (
        "baselines",
        "Energy, onsets, logistic regression and random forest: what is enough, and when",
    ),
    ("cnn", "A small convolutional network in Keras, and how to see that it learns"),
    ("rnn", "Scores for every frame: a recurrent network, and one that can stream"),
    (
        "events_and_evaluation",
        "From scores to events, to bubbles per minute, and how far to trust them",
    ),
    ("real_time", "Listen live: a tracker that counts, remembers, warns and reports"),
    ("classify_sounds", "Name a clip: windows, two networks, one decision, and 'unknown'"),
    (
        "little_data",
        "Five clips a class: embeddings, networks that know photographs, augmentation",
    ),
    (
        "anomaly_autoencoder",
        "Hear that a machine sounds wrong, from its normal sound alone, and see where",
    ),
    (
        "interpolation_and_boundaries",
        "When to raise the alarm: thresholds, alarms a day, other places, drift, retraining",
    ),
    (
        "synthesize",
        "Mix events over backgrounds: what noise a detector bears, and what it buys",
    ),
    ("weak_labels", "Learn when from labels that only say whether, or how often"),
    ("your_own_sound", "From a folder of your own recordings to a counter, and a whole archive"),
]


def series_map(root: Path = ROOT) -> str:
    """Return the table of notebooks; one that is not there is called planned."""
    lines = ["| | notebook | what you do |", "|---|---|---|"]
    for number, (name, text) in enumerate(SERIES):
        title = name.replace("_", " ")
        path = f"notebooks/{number:02}_{name}.ipynb"
        shown = f"[{title}]({path})" if (root / path).exists() else f"{title} (planned)"
        lines.append(f"| {number:02} | {shown} | {text} |")
    return "\n".join(lines)


def picture(root: Path = ROOT) -> str:
    """Return the picture, which tools/readme_picture.py draws, where it is there."""
    return f"![{PICTURE_SAYS}]({PICTURE})" if (root / PICTURE).exists() else ""


def board() -> str:
    """Return the scoreboard, or a line that says there is none yet."""
    drawn = scoreboard.as_markdown(scoreboard.load())
    return drawn or "Nothing is measured yet: the benchmarks have not been run."


def parts() -> dict[str, str]:
    """Return every part that is written, by the name in its comments."""
    return {"picture": picture(), "map": series_map(), "scoreboard": board()}


def rewritten(text: str) -> str:
    """Return the README with its written parts made again."""
    for name, body in parts().items():
        start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.S)
        if len(pattern.findall(text)) != 1:
            raise SystemExit(f"README.md: expected {start} and {end} once each")
        text = pattern.sub(lambda _, new=f"{start}\n{body}\n{end}": new, text)
    return text


def main() -> int:
    """Write README.md, or with --check say whether it is up to date."""
    old = README.read_text(encoding="utf-8")
    new = rewritten(old)
    if "--check" in sys.argv[1:]:
        if new != old:
            print("README.md is out of date: run `make readme` and commit it")
        return int(new != old)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
