"""What all tests share: the data they ask for, marks that follow from it, and no silent skips."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
# A notebook that says what to use where a real data set is out of reach reads real recordings.
READS_REAL = re.compile(r"fallback\s*=|[\"']coughs")
REAL_FIXTURES = {"coughs"}

settings.register_profile("hearing", deadline=None, max_examples=50, derandomize=IN_CI)
settings.load_profile("hearing")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of real recordings; the test is skipped where there is none."""
    named = os.environ.get("HEARING_MIRROR")
    if not named:
        pytest.skip("needs real recordings: set HEARING_MIRROR to the folder that holds them")
    return Path(named)


@pytest.fixture(scope="session")
def coughs():
    """Real coughs, or the synthetic brewery where they are out of reach."""
    from helpers import datasets

    return datasets.load("coughs-mini", fallback="brewery")


@pytest.fixture(scope="session")
def brewery():
    """The synthetic default data set."""
    from helpers import datasets

    return datasets.load("brewery")


@pytest.fixture(scope="session")
def detector():
    """The detector that ships."""
    from helpers import bundle

    return bundle.load(bundle.shipped())


@pytest.fixture(scope="session")
def busy_brew():
    """Two minutes of a busy synthetic brew."""
    import numpy as np

    from helpers.synth import brewery

    plan = brewery.plan(seed=3, n_brews=12)
    busy = dict(plan[(plan["n_airlocks"] == 1) & (plan["rate"] > 60)].iloc[0])
    return np.concatenate([brewery.render(busy | {"index": 100 + i})[0] for i in range(4)])


def reads_real(path: Path) -> bool:
    """Tell whether a notebook asks for real recordings."""
    return bool(READS_REAL.search(path.read_text(encoding="utf-8").replace('\\"', '"')))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what reads real recordings, cells of notebooks included, before `-m` selects."""
    seen: dict[Path, bool] = {}
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & REAL_FIXTURES:
            item.add_marker("real")
        if "mirror" in names:
            item.add_marker("mirror")
        if item.path.suffix == ".ipynb":
            if item.path not in seen:
                seen[item.path] = reads_real(item.path)
            if seen[item.path]:
                item.add_marker("real")


def may_skip(item) -> bool:
    """Tell whether a test may skip in CI: only for want of the mirror, in a run without one."""
    return item.get_closest_marker("mirror") is not None and not os.environ.get("HEARING_MIRROR")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, turn a skip into a failure that gives the reason of the skip."""
    outcome = yield
    report = outcome.get_result()
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and not may_skip(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}\nskipped, which CI does not allow: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    """In CI, a module that skips itself fails too."""
    outcome = yield
    report = outcome.get_result()
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}\nskipped at collection: {report.longrepr}"
