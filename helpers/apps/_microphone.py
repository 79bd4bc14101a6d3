"""A microphone as a source: what PortAudio loses is told, and a device that left is waited for."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator

import numpy as np

from ._blocks import Block, StreamError, Trouble
from ._pieces import SAMPLE_RATE, Resampler
from ._sources import BLOCK

#: Blocks that may wait for the detector: half a minute.
_QUEUE = 600


def devices() -> list[dict]:
    """List the devices that can record.

    Returns
    -------
    list of dict
        index, name, channels, sample_rate and default (bool).

    Raises
    ------
    StreamError
        When PortAudio is not installed.
    """
    sounddevice = _portaudio()
    default = sounddevice.default.device[0]
    return [
        {
            "index": index,
            "name": device["name"],
            "channels": device["max_input_channels"],
            "sample_rate": device["default_samplerate"],
            "default": index == default,
        }
        for index, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


class Microphone:
    """Blocks from a recording device, for as long as somebody takes them.

    Yields :class:`Block`, and :class:`Trouble` where something went wrong: ``overflow`` (samples
    were lost), ``device lost`` and ``device back``. The clock of the blocks goes on by the time
    that was lost, so that the stream sees a gap.

    Parameters
    ----------
    device : int or str, optional
        Index, or a part of the name; the system's default when left out.
    block : float
        Seconds in a block.
    patience : float
        Seconds without a block after which a device counts as lost.
    retry : float
        Seconds between attempts to open a lost device again.
    clock, sleep : callables
        For tests.

    Raises
    ------
    StreamError
        When PortAudio is not installed, there is no such device, or it cannot record.
    """

    def __init__(
        self,
        device: int | str | None = None,
        *,
        block: float = BLOCK,
        patience: float = 2.0,
        retry: float = 5.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.device, self.block = device, block
        self.patience, self.retry = patience, retry
        self._clock, self._sleep = clock, sleep
        self._queue: queue.Queue = queue.Queue(_QUEUE)
        self._at = 0  # next sample on the clock
        self._began: float | None = None  # unix time of sample 0, followed slowly
        self._stream, self._rate = self._open()  # a device that is not there is an error at once

    def __iter__(self) -> Iterator[Block | Trouble]:
        try:
            while True:
                yield from self._listen()
                yield Trouble(self._clock(), "device lost", f"no sound from {self._name()}")
                self._wait_for_device()
                yield Trouble(self._clock(), "device back", f"{self._name()} is there again")
        finally:
            self.close()

    def close(self) -> None:
        """Let the device go."""
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None

    def _name(self) -> str:
        return "the default microphone" if self.device is None else f"microphone {self.device!r}"

    def _listen(self) -> Iterator[Block | Trouble]:
        """Yield blocks until none comes any more."""
        resampler = Resampler(self._rate)
        while True:
            try:
                samples, overflow, arrived = self._queue.get(timeout=self.patience)
            except queue.Empty:
                return
            if overflow:
                yield Trouble(arrived, "overflow", self._skip(arrived, len(samples)))
            samples = resampler(samples)
            if len(samples):
                yield self._block(samples, arrived)

    def _block(self, samples: np.ndarray, arrived: float) -> Block:
        start, self._at = self._at, self._at + len(samples)
        began = arrived - self._at / SAMPLE_RATE
        if self._began is None or abs(began - self._began) > 1.0:
            self._began = began  # the first block, or the computer's clock was set
        self._began += 0.01 * (began - self._began)  # blocks arrive unevenly; crystals drift
        return Block(start, samples, self._began + start / SAMPLE_RATE)

    def _skip(self, arrived: float, n: int) -> str:
        """Move the clock on by what was lost; PortAudio says that, but not how much."""
        expected = self._at
        if self._began is not None:
            expected = round((arrived - self._began) * SAMPLE_RATE - n * SAMPLE_RATE / self._rate)
        lost = max(1, expected - self._at)
        self._at += lost
        return f"samples were lost, about {1000 * lost / SAMPLE_RATE:.0f} ms of sound"

    def _wait_for_device(self) -> None:
        """Open the device again and again until it is there."""
        self.close()
        sounddevice = _portaudio()
        while True:
            self._sleep(self.retry)
            # PortAudio looks for devices when it starts, and never again.
            sounddevice._terminate()
            sounddevice._initialize()
            try:
                self._stream, self._rate = self._open()
            except (StreamError, sounddevice.PortAudioError):
                continue
            break
        if self._began is not None:
            self._at = max(self._at + 1, round((self._clock() - self._began) * SAMPLE_RATE))

    def _open(self):
        """Start recording, at 16 kHz where the device can, else at its own rate."""
        sounddevice = _portaudio()
        self._queue = waiting = queue.Queue(_QUEUE)
        lost = False

        def take(data, frames, when, status) -> None:
            nonlocal lost
            lost = lost or status.input_overflow
            try:
                waiting.put_nowait((data[:, 0].copy(), lost, self._clock()))
                lost = False
            except queue.Full:
                lost = True  # the detector is behind: the next block says so

        device = self._find(sounddevice)
        for rate in (SAMPLE_RATE, device["default_samplerate"]):
            try:
                stream = sounddevice.InputStream(
                    device=device["index"],
                    channels=1,
                    samplerate=rate,
                    blocksize=round(self.block * rate),
                    dtype="float32",
                    callback=take,
                )
                stream.start()
                return stream, rate
            except sounddevice.PortAudioError as error:
                reason = error
        raise StreamError(f"{self._name()} cannot record one channel: {reason}; try another device")

    def _find(self, sounddevice) -> dict:
        try:
            device = sounddevice.query_devices(self.device, "input")
        except (ValueError, sounddevice.PortAudioError) as error:
            there = ", ".join(f"{d['index']}: {d['name']}" for d in devices())
            if not there:
                raise StreamError(
                    f"{self._name()}: no device here can record; connect one, or read a recording "
                    "(--file)"
                ) from None
            raise StreamError(f"{self._name()}: {error}; devices that record: {there}") from None
        return device


def _portaudio():
    try:
        import sounddevice
    except OSError as error:
        raise StreamError(
            f"PortAudio is not installed ({error}); on Debian and Raspberry Pi OS: "
            "sudo apt install libportaudio2"
        ) from None
    return sounddevice
