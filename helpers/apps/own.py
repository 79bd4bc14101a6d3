"""From a folder of your own recordings and label files to a counter, or to the reason why not.

In a notebook::

    collection = own.read("my_sounds", labels="cough")
    print(own.check(collection))
    result = own.train(collection, minutes=5)
    print(result)
    result.save("my_detector")

The same as a command is ``python -m helpers.own my_sounds --label cough``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import bundle
from .._whole import write_text
from ..splits import SplitError
from . import _own_report, _own_training
from ._own_checks import check
from ._own_findings import Findings
from ._own_reading import Collection, OwnError, read

__all__ = ["Collection", "Findings", "OwnError", "Result", "check", "main", "read", "train"]

DESCRIPTION = (
    "Train a detector on a folder of recordings and label files, and say what it is worth."
)
EPILOG = """\
example:
  %(prog)s my_sounds --label cough --out my_detector

my_sounds holds recordings (WAV, FLAC, OGG, MP3, ...) and beside each a file of the same name that
says when it happens: Audacity's labels (.txt), Raven's selections (.selections.txt), or a table
(.csv) with the columns onset, offset, event_label.

exit status: 0 a detector was written; 1 something in the folder has to be mended first; 2 the
command line; 3 not enough data for an honest answer (a detector is written only with --anyway).
"""


@dataclass(frozen=True)
class Result:
    """A detector that was trained on a collection, with its report.

    Parameters
    ----------
    collection : Collection
    findings : Findings
        Of the checks.
    trained : Trained
        The parts, the network and every rung's events.
    report : Report
        The figures on the recordings held out; ``str`` gives them in words.
    """

    collection: Collection
    findings: Findings
    trained: _own_training.Trained
    report: _own_report.Report

    def __str__(self) -> str:
        return str(self.report)

    def __repr__(self) -> str:
        return f"<Result {', '.join(self.collection.labels)}: {self.report.verdict}>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()

    def players(self, *, most: int = 6) -> list:
        """Players of the first mistakes on the recordings held out."""
        return _own_report.players(self.report.errors, self.collection.dataset, most=most)

    def save(self, folder: str | Path) -> bundle.Detector:
        """Write the detector: model, LiteRT export, ``detector.json`` and ``report.html``.

        Parameters
        ----------
        folder : path
            Replaced when it is there.

        Returns
        -------
        helpers.bundle.Detector
        """
        network = self.trained.network
        detector = bundle.save(
            folder,
            network.model,
            front_end=network.front_end,
            decoder=network.decoder,
            labels=tuple(network.materials),
            margins=network.margins,
            card=self._card(),
        )
        listened = _own_report.players(
            self.report.errors, self.collection.dataset, most=20, real=False
        )
        page = _own_report.as_html(self.report, self.findings, listened)
        write_text(detector.folder / "report.html", page)
        return detector

    def _card(self) -> dict:
        f1 = self.report.table["f1"]
        table = self.report.table.assign(
            f1=f1.map(lambda i: i.value), low=f1.map(lambda i: i.low), high=f1.map(lambda i: i.high)
        )
        return {
            "made_by": "python -m helpers.own",
            "data": self.findings.summary,
            "held_out": sorted(self.trained.parts.test),
            "verdict": self.report.verdict,
            "enough": self.report.enough,
            "figures": table.round(4).to_dict("records"),
        }


def train(
    collection: Collection,
    *,
    minutes: float = 5.0,
    seed: int = 0,
    report=None,
    anyway: bool = False,
) -> Result:
    """Train on some of the recordings, tune on others, and judge on the rest.

    Parameters
    ----------
    collection : Collection
        From :func:`read`.
    minutes : float
        For everything; a longer time is a longer training of the network.
    seed : int
        Decides which groups are held out, and where the network begins.
    report : callable, optional
        Called with a line of progress.
    anyway : bool
        Train even where :func:`check` says that no honest answer can come of it.

    Returns
    -------
    Result

    Raises
    ------
    OwnError
        When the checks found a stop, or the groups cannot be cut into three parts.
    """
    findings = check(collection)
    if findings.stops and not anyway:
        raise OwnError(collection.dataset.folder, [f"{f.what} {f.remedy}" for f in findings.stops])
    try:
        trained = _own_training.train(
            collection, minutes=minutes, seed=seed, report=report or (lambda _: None)
        )
    except SplitError as error:
        raise OwnError(collection.dataset.folder, [str(error)]) from error
    return Result(collection, findings, trained, _own_report.judge(trained, findings))


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.own",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("folder", type=Path, help="recordings and label files")
    made.add_argument(
        "--label",
        action="append",
        metavar="LABEL",
        help="what to detect; again for another one; left out: every label that is used",
    )
    made.add_argument("--out", type=Path, metavar="FOLDER", help="where the detector goes")
    made.add_argument(
        "--overwrite", action="store_true", help="replace the detector that is there already"
    )
    made.add_argument(
        "--minutes", type=float, default=5.0, metavar="M", help="for training (%(default)g)"
    )
    made.add_argument(
        "--group",
        default="recording",
        metavar="HOW",
        help="what must stay together: recording, folder, or a table with filename and group",
    )
    made.add_argument(
        "--skip-unlabelled",
        action="store_true",
        help="leave out recordings without a label file; otherwise they hold no event",
    )
    made.add_argument(
        "--check", action="store_true", help="say what is wrong with the folder, and end"
    )
    made.add_argument("--anyway", action="store_true", help="train although the data is not enough")
    made.add_argument("--seed", type=int, default=0, metavar="N")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    made = parser()
    options = made.parse_args(arguments)
    if not options.minutes > 0:
        made.error(f"--minutes must be positive, found {options.minutes:g}")
    options.out = options.out or Path(f"{options.folder.resolve().name}-detector")
    if not options.check and (why := _not_free(options.out, overwrite=options.overwrite)):
        made.error(f"--out {options.out} {why}")
    try:
        return _run(options)
    except OwnError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130


def _not_free(folder: Path, *, overwrite: bool) -> str:
    """Say why a detector cannot be written there; nothing when it can."""
    if folder.exists() and not folder.is_dir():
        return "is a file: name a folder"
    if (folder / "detector.json").exists():
        return "" if overwrite else "holds a detector: choose another folder, or give --overwrite"
    if folder.is_dir() and any(folder.iterdir()):
        return "holds other files: name a new folder"
    there = next(place for place in (folder, *folder.resolve().parents) if place.is_dir())
    return "" if os.access(there, os.W_OK) else f"cannot be made: {there} is not yours to write to"


def _run(options) -> int:
    collection = read(
        options.folder,
        labels=options.label,
        group=options.group,
        unlabelled="skip" if options.skip_unlabelled else "empty",
    )
    findings = check(collection)
    print(findings, end="\n\n")
    if findings.stops and not options.anyway:
        print("Not enough for an honest answer: mend what stops it first, or give --anyway.")
        return 3
    return 0 if options.check else _trained(collection, options)


def _trained(collection: Collection, options) -> int:
    try:
        result = train(
            collection,
            minutes=options.minutes,
            seed=options.seed,
            report=lambda line: print(f"  {line}", flush=True),
            anyway=options.anyway,
        )
    except OwnError as error:
        print(error, file=sys.stderr)
        return 3
    print(f"\n{result}\n")
    if not result.report.enough and not options.anyway:
        return 3
    folder = options.out
    result.save(folder)
    print(f"Detector and report are in {folder}. To count live, or in a folder of recordings:")
    print(f"  python -m helpers.track --model {folder}")
    print(f"  python -m helpers.apps.archive {folder} RECORDINGS --out RESULTS")
    return 0
