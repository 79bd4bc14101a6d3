"""A microphone without a sound card: PulseAudio's null sink, private to the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

NEEDED = ("pulseaudio", "pactl", "paplay")
MODULES = (
    "module-native-protocol-unix",
    "module-null-sink sink_name=nullsink rate=48000 channels=2",
)


class Pulse:
    """A PulseAudio server of its own, whose default source hears what is played.

    Parameters
    ----------
    folder : Path
        Empty; sockets and settings go there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PULSE_RUNTIME_PATH": str(self._private("pulse")),
            "XDG_RUNTIME_DIR": str(self._private("run")),
            "HOME": str(self._private("home")),
        }
        self._process: subprocess.Popen | None = None

    def _private(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def start(self) -> Pulse:
        """Start the server and wait until it answers."""
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
        for module in MODULES:
            command += ["-L", module]
        self._process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            if self._pactl("set-default-source", "nullsink.monitor") == 0:
                return self
            time.sleep(0.1)
        self.stop()
        raise RuntimeError("PulseAudio did not answer within 10 s")

    def stop(self) -> None:
        """End the server, as pulling the plug of a microphone does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def play(self, path: Path) -> None:
        """Play a sound file to its end."""
        command = ["paplay", "--device=nullsink", str(path)]
        subprocess.run(command, env=self.environment, check=True, timeout=120)

    def start_playing(self, path: Path) -> subprocess.Popen:
        """Play a sound file in the background."""
        return subprocess.Popen(["paplay", "--device=nullsink", str(path)], env=self.environment)

    def _pactl(self, *arguments: str) -> int:
        command = ["pactl", *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.run(command, env=self.environment, timeout=10, **quiet).returncode


def missing() -> str:
    """Say what is not installed."""
    return ", ".join(name for name in NEEDED if shutil.which(name) is None)
