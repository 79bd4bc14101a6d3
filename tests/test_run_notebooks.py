"""What `make run` says of notebooks that run and that fail, and what `make refresh` keeps."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DRAWING = """
%matplotlib inline
import matplotlib.pyplot as plt, numpy as np
plt.imshow(np.random.default_rng(0).normal(size=(60, 60)), cmap="twilight");
print("kept")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run a notebook that works and one that fails, with --keep."""
    folder = tmp_path_factory.mktemp("series")
    sources = {"good.ipynb": [DRAWING], "bad.ipynb": ["print('before')", "1 / 0", "print('after')"]}
    before = {}
    for name, cells in sources.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        nbformat.write(notebook, folder / name)
        before[name] = (folder / name).read_bytes()
    command = [sys.executable, ROOT / "tools" / "run_notebooks.py", "--keep"]
    command += ["--out", folder / "out", *(folder / name for name in sources)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return folder, before, told


def pictures(path):
    """Return the pictures in a notebook."""
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.outputs]
    coded = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(code))) for code in coded]


def test_a_failure_says_where_and_why_and_sets_the_status(ran):
    _, _, told = ran
    assert told.returncode == 1
    assert "cell 1 (1 / 0)" in told.stdout
    assert "ZeroDivisionError" in told.stdout
    assert "FAILED: bad" in told.stdout


def test_what_ran_is_kept_and_what_failed_is_left(ran):
    folder, before, _ = ran
    assert (folder / "bad.ipynb").read_bytes() == before["bad.ipynb"]
    kept = nbformat.read(folder / "good.ipynb", as_version=4)
    assert any("kept" in output.get("text", "") for output in kept.cells[0].outputs)
    assert not list(folder.glob("*.part"))


def test_kept_pictures_look_the_same_with_fewer_colours(ran):
    folder, _, _ = ran
    (full,), (few,) = pictures(folder / "out" / "good.ipynb"), pictures(folder / "good.ipynb")
    assert (
        len(few.convert("RGB").getcolors(70_000))
        <= 256
        < len(full.convert("RGB").getcolors(70_000))
    )
    difference = np.abs(np.asarray(full.convert("RGB"), int) - np.asarray(few.convert("RGB"), int))
    assert difference.mean() < 4
    assert few.size == full.size
