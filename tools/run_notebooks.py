"""Execute the notebooks in order, one line of progress each; write results and HTML.

The committed notebooks are left as they are: copies go to build/run/. A notebook that fails says
where and why, the others go on, and the exit status tells. With --keep, those that did not fail
replace the committed ones, with smaller pictures.
"""

import argparse
import base64
import html
import io
import multiprocessing
import os
import re
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import scoreboard

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600  # seconds; a notebook is meant to take 60
HEADLINE_TAG = "headline"  # a cell so tagged prints what the progress line shows


@dataclass(frozen=True)
class Outcome:
    """What is said about one notebook."""

    name: str
    seconds: float
    cells: int
    figures: int
    players: int
    headline: str
    peak_gb: float
    error: str = ""

    def line(self) -> str:
        """Return the line of progress."""
        state = "FAILED" if self.error else f"{self.seconds:4.0f} s"
        things = f"{self.figures:2} figures {self.players:2} sounds"
        text = f"{self.name:32} {state:>6}  {things}"
        return (text + "  " + self.headline).rstrip()


def outputs_of(notebook):
    """Yield every output of every code cell."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def text_of(output) -> str:
    """Return an output's plain text."""
    return output.get("text") or output.get("data", {}).get("text/plain", "") or ""


def headline_of(notebook) -> str:
    """Return the last line printed by the cell tagged `headline`."""
    for cell in notebook.cells:
        if HEADLINE_TAG in cell.metadata.get("tags", []):
            lines = "".join(text_of(output) for output in cell.get("outputs", [])).split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def failure_of(notebook, error: Exception) -> str:
    """Say which cell failed and why, in a few lines."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                first = cell.source.strip().split("\n")[0]
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
                where = re.findall(r"^-+> *\d+ .*$", trace, re.M)[:1]
                why = f"{output.ename}: {output.evalue}"
                return "\n".join([f"cell {index} ({first})", *where, why])
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def peak_gb() -> float:
    """Return the peak memory of the largest finished kernel of this process, in GB."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0.0
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit


def execute(path: Path, out: Path) -> Outcome:
    """Run one notebook in a kernel of its own and write the result."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--HistoryManager.enabled=False", "--log-level=ERROR"],
    )
    started, error = time.monotonic(), ""
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as problem:
        error = failure_of(notebook, problem)
    seconds = time.monotonic() - started
    write(notebook, path, out)
    return outcome(path.stem, notebook, seconds, error)


def outcome(name: str, notebook, seconds: float, error: str) -> Outcome:
    """Count what a notebook shows."""
    shown = [output.get("data", {}) for output in outputs_of(notebook)]
    return Outcome(
        name=name,
        seconds=seconds,
        cells=sum(cell.cell_type == "code" for cell in notebook.cells),
        figures=sum("image/png" in data or "image/svg+xml" in data for data in shown),
        players=sum("<audio" in data.get("text/html", "") for data in shown),
        headline=headline_of(notebook),
        peak_gb=peak_gb(),
        error=error,
    )


def write(notebook, path: Path, out: Path) -> None:
    """Write the executed notebook and its page."""
    import nbformat
    from nbconvert import HTMLExporter

    nbformat.write(notebook, out / path.name)
    exporter = HTMLExporter(embed_images=True)
    resources = {"metadata": {"name": path.stem, "path": str(path.parent)}}
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    (out / f"{path.stem}.html").write_text(body, encoding="utf-8")


def keep(path: Path, out: Path) -> None:
    """Put an executed notebook in the place of the one it came from, its pictures made smaller."""
    import nbformat

    notebook = nbformat.read(out / path.name, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    for output in outputs_of(notebook):
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = fewer_colours(data["image/png"])
    whole = path.with_suffix(".part")
    nbformat.write(notebook, whole)
    whole.replace(path)


def fewer_colours(encoded: str) -> str:
    """Return a PNG, in base64 as is the argument, with 256 colours where that makes it smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    resolution = picture.info.get("dpi", (72, 72))
    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True, dpi=resolution)
    return min(encoded, base64.b64encode(buffer.getvalue()).decode(), key=len)


def write_index(outcomes: list[Outcome], out: Path) -> None:
    """Write a page that links to the pages of the notebooks."""
    items = "\n".join(
        f'<li><a href="{html.escape(o.name)}.html">{html.escape(o.name.replace("_", " "))}</a>'
        f" {html.escape(o.headline)}</li>"
        for o in outcomes
    )
    head = '<!doctype html>\n<meta charset="utf-8">\n<title>The notebooks</title>'
    (out / "index.html").write_text(f'{head}\n<ol start="0">\n{items}\n</ol>\n', encoding="utf-8")


def run_all(paths: list[Path], out: Path, jobs: int) -> list[Outcome]:
    """Execute notebooks, some at a time, and report them in their order."""
    context = multiprocessing.get_context("spawn")
    outcomes = []
    # A fresh process for each notebook: its peak of memory is then its kernel's.
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        for future in [pool.submit(execute, path, out) for path in paths]:
            result = future.result()
            outcomes.append(result)
            print(result.line(), flush=True)
            if result.error:
                print("    " + result.error.replace("\n", "\n    "), flush=True)
    return outcomes


def circumstances() -> str:
    """Say which data the run can see."""
    mirror = os.environ.get("HEARING_MIRROR")
    real = (
        f"mirror {mirror}"
        if mirror
        else "no mirror: where a real recording is not in the cache, a synthetic one stands in"
    )
    network = "offline" if os.environ.get("HEARING_OFFLINE", "0") not in ("", "0") else "online"
    return f"{network}, {real}"


def report(outcomes: list[Outcome], out: Path, seconds: float) -> int:
    """Print the end of the run and return the exit status."""
    failed = [o.name for o in outcomes if o.error]
    peak = max((o.peak_gb for o in outcomes), default=0.0)
    print(f"\n{len(outcomes)} notebooks in {seconds:.0f} s, largest kernel {peak:.1f} GB")
    board = scoreboard.as_text(scoreboard.load())
    if board:
        print(f"\nScoreboard, measured once by benchmarks/ (not by this run):\n\n{board}")
    print(f"\nRead them: {os.path.relpath(out / 'index.html')}\nWork in them: make lab")
    if failed:
        print(f"\nFAILED: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "run")
    parser.add_argument("--keep", action="store_true", help="replace the notebooks that ran")
    options = parser.parse_args()
    paths = options.notebooks or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if not paths:
        print("No notebook is there yet: nothing to run.")
        return 0
    if len({path.name for path in paths}) < len(paths):
        parser.error("two notebooks have one name, and so would their results: run them in turn")
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    print(f"{len(paths)} notebooks, {options.jobs} at a time; {circumstances()}\n", flush=True)
    started = time.monotonic()
    outcomes = run_all([path.resolve() for path in paths], out, options.jobs)
    write_index(outcomes, out)
    for path, result in zip(paths, outcomes, strict=True):
        if options.keep and not result.error:
            keep(path, out)
    return report(outcomes, out, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
