"""How the committed notebooks must look; nbval tests that they run."""

import ast
import base64
import io
import re
from pathlib import Path
from statistics import median

import nbformat
import numpy as np
import pytest
import readme
import scipy.fft

ROOT = Path(__file__).resolve().parents[1]
SERIES = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
LARGEST = 1_500_000  # bytes of a notebook
LARGEST_SOUND = 60 * 1024  # bytes of one player's sound
SOUND = re.compile(r"data:audio/[\w.+-]+;base64,([A-Za-z0-9+/=\s]+)")
OPENING = {
    "what you will build": r"will (build|make|have|hear|learn)",
    "how long it takes": r"\b(seconds?|minutes?)\b",
    "what you need": r"\bneed",
}
CLOSING = {
    "what you learned": r"learn",
    "what can go wrong": r"go(es)? wrong",
    "exercises": r"exercise",
}

every = pytest.mark.parametrize(
    "path", SERIES + SOLUTIONS, ids=lambda path: path.parent.name + "-" + path.stem
)
series = pytest.mark.parametrize(
    "path", SERIES, ids=lambda path: path.parent.name + "-" + path.stem
)


def read(path: Path):
    """Return a notebook."""
    return nbformat.read(path, as_version=4)


def code(notebook) -> list:
    """Return the code cells that hold something."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def prose(notebook) -> str:
    """Return all Markdown as one text."""
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def statements(cell) -> int:
    """Return how many statements a cell holds; a call that is wrapped for width is one."""
    plain = "\n".join(line for line in cell.source.splitlines() if line[:1] not in ("%", "!"))
    return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(plain)))


def sounds(cell) -> list[bytes]:
    """Return every sound that the outputs of a cell hold."""
    texts = [str(body) for out in cell.outputs for body in out.get("data", {}).values()]
    found = [match[1] for text in texts for match in SOUND.finditer(text)]
    for out in cell.outputs:
        found += [v for k, v in out.get("data", {}).items() if k.startswith("audio/")]
    return [base64.b64decode(text) for text in found]


def names_of_real_data(notebook) -> set[str]:
    """Return the variables that hold recordings read from a real data set."""
    pattern = (
        r"^\s*(\w+)\s*=\s*datasets\.load\([^)\n]*(?:fallback|[\"'](?:coughs|airlocks|esc|urban))"
    )
    return {name for c in code(notebook) for name in re.findall(pattern, c.source, re.M)}


@every
def test_valid_and_of_the_common_kernel(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


@every
def test_executed_from_top_to_bottom_without_an_error(path):
    cells = code(read(path))
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    errors = [o.evalue for c in cells for o in c.outputs if o.output_type == "error"]
    assert not errors


@every
def test_small_enough_to_be_read_on_a_code_host(path):
    assert path.stat().st_size < LARGEST
    for cell in code(read(path)):
        for sound in sounds(cell):
            assert len(sound) < LARGEST_SOUND, cell.source


@every
def test_no_warning_is_left_in_the_outputs(path):
    for cell in code(read(path)):
        for out in cell.outputs:
            if out.output_type == "stream" and out.name == "stderr":
                raise AssertionError(f"{cell.source.splitlines()[0]!r} wrote {out.text[:300]!r}")


@every
def test_nothing_hides_from_the_tests(path):
    notebook = read(path)
    for cell in code(notebook):
        assert not re.search(r"NBVAL_(SKIP|RAISES|IGNORE)", cell.source), cell.source
        tags = set(cell.metadata.get("tags", []))
        assert not tags & {"nbval-skip", "nbval-ignore-output", "raises-exception"}, tags
        assert not re.search(r";\s*$", cell.source), f"ends in a semicolon: {cell.source[-60:]}"


@every
def test_no_real_recording_is_embedded_by_its_cell(path):
    notebook = read(path)
    real = names_of_real_data(notebook)
    for cell in code(notebook):
        if re.search(r"real\s*=\s*True", cell.source):
            assert not sounds(cell), f"a real recording is embedded by {cell.source!r}"
        for name in real:
            # `real=...` leaves it to the player, which embeds nothing where it is true.
            if re.search(rf"\b{name}\b", cell.source) and "real=" not in cell.source:
                assert not sounds(cell), f"{name} is real, and {cell.source!r} embeds a sound"


@series
def test_first_code_names_the_data(path):
    first = code(read(path))[0].source
    assert re.search(r"^DATASET\s*=\s*[\"']\w", first, re.M), first


@series
def test_says_at_the_top_what_it_is_and_at_the_end_what_it_was(path):
    notebook = read(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    first_code = next(i for i, c in enumerate(notebook.cells) if c.cell_type == "code")
    top = "\n".join(c.source for c in notebook.cells[:first_code])
    missing = [name for name, words in OPENING.items() if not re.search(words, top, re.I)]
    headings = "\n".join(re.findall(r"^#+ .*$|^\*\*.*?\*\*", prose(notebook), re.M))
    missing += [name for name, words in CLOSING.items() if not re.search(words, headings, re.I)]
    assert not missing


@series
def test_cells_are_short(path):
    sizes = [statements(cell) for cell in code(read(path))]
    assert median(sizes) <= 8
    assert max(sizes) <= 20


@series
def test_there_is_something_to_hear_and_to_see(path):
    cells = code(read(path))
    players = [c for c in cells if sounds(c) or re.search(r"\bplay\w*\(", c.source)]
    figures = [c for c in cells for o in c.outputs if "image/png" in o.get("data", {})]
    assert players
    assert figures


@series
def test_exercises_are_solved(path):
    solved = path.parent / "solutions" / path.name
    assert solved.exists()
    asked = len(re.findall(r"^(?:#+ |\*\*)\s*Exercise \d", prose(read(path)), re.M | re.I))
    answered = len(re.findall(r"^(?:#+ |\*\*)\s*Exercise \d", prose(read(solved)), re.M | re.I))
    assert answered >= asked


@every
def test_local_links_and_images_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)", prose(read(path)))
    local = [t for t in targets if "://" not in t and not t.startswith(("attachment:", "data:"))]
    assert not [target for target in local if not (path.parent / target).exists()]


@every
def test_images_have_alternative_text(path):
    assert not re.search(r"!\[\s*\]\(", prose(read(path)))


@series
def test_belongs_to_the_series(path):
    assert path.name in {f"{n:02}_{name}.ipynb" for n, (name, _) in enumerate(readme.SERIES)}


RATE = 2_000  # Hz; what is enough to know a recording again by its waveform
LOOK = 2 * RATE  # samples that are compared
SAME = 0.7  # coded real recordings reach .78 to 1, synthetic ones .61 at most


def decoded(source) -> np.ndarray:
    """Return a sound as mono at the rate of the comparison, whatever it was."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(source, always_2d=True, dtype="float32")
    return soxr.resample(samples.mean(axis=1), rate, RATE)


class Archive:
    """Every real recording in one row, to look up where a sound comes from."""

    def __init__(self, *folders: Path):
        self.files = [f for folder in folders for f in sorted(folder.rglob("*.[wo][ag][vg]"))]
        assert self.files
        gap = np.zeros(LOOK, dtype=np.float32)
        row = np.concatenate([np.append(decoded(file), gap) for file in self.files])
        self.size = scipy.fft.next_fast_len(len(row) + LOOK)
        self.spectrum = scipy.fft.rfft(row, self.size)
        energy = np.concatenate([[0.0], np.cumsum(row.astype(float) ** 2)])
        local = energy[LOOK:] - energy[:-LOOK]
        self.weight = np.where(local > 1e-4, 1 / np.sqrt(np.maximum(local, 1e-4)), 0)
        self.weight = self.weight.astype(np.float32)

    def match(self, sound: np.ndarray) -> float:
        """Return the highest correlation of a sound's loudest part with anything here."""
        sound = np.pad(sound, (0, max(0, LOOK - len(sound))))
        middle = int(np.argmax(np.convolve(sound**2, np.ones(RATE // 10), "same")))
        start = max(0, min(middle - LOOK // 2, len(sound) - LOOK))
        part = sound[start : start + LOOK]
        if not part.any():
            return 0.0
        product = self.spectrum * scipy.fft.rfft(part, self.size).conj()
        dots = scipy.fft.irfft(product, self.size)[: len(self.weight)]
        return float((dots * self.weight).max() / np.sqrt((part**2).sum()))


@pytest.fixture(scope="module")
def archive(mirror) -> Archive:
    """Real recordings to compare with."""
    return Archive(mirror / "coughs", mirror / "esc10")


def coded(file: Path) -> io.BytesIO:
    """Return three seconds of a recording at half its level, as a small MP3."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(file, always_2d=True, dtype="float32")
    part = 0.5 * soxr.resample(samples.mean(axis=1), rate, 16_000)[5_000:53_000]
    kept = io.BytesIO()
    soundfile.write(kept, part, 16_000, format="MP3", compression_level=0.9)
    kept.seek(0)
    return kept


def test_a_real_recording_is_known_again_in_another_coding(archive):
    long = [file for file in archive.files if file.stat().st_size > 400_000]
    matches = [archive.match(decoded(coded(file))) for file in long[::12]]
    assert np.median(matches) > 0.9
    assert np.mean(np.array(matches) > SAME) > 0.75
    noise = np.random.default_rng(0).normal(0, 0.1, LOOK).astype(np.float32)
    assert archive.match(noise) < 0.3


@every
def test_no_embedded_sound_is_a_real_recording(path, archive):
    for cell in code(read(path)):
        for sound in sounds(cell):
            match = archive.match(decoded(io.BytesIO(sound)))
            assert match < SAME, f"{cell.source!r} embeds a real recording"
