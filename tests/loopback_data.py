"""A web server on loopback that serves a small made dataset, and misbehaves on demand."""

import csv
import hashlib
import io
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import openpyxl
import soundfile
from loopback_server import running


@dataclass
class Upstream:
    """Files by path, how each is to go wrong, and what was asked for."""

    files: dict[str, bytes]
    faults: dict[str, list[str]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    base: str = ""
    let_go: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(files: dict[str, bytes]):
    """Serve files; ``faults`` holds what goes wrong with the next requests of a path, in turn."""
    upstream = Upstream(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self, upstream)

        def log_message(self, *args):
            pass

    with running(Handler, let_go=upstream.let_go) as address:
        upstream.base = f"{address}/commit"
        yield upstream


def answer(handler: BaseHTTPRequestHandler, upstream: Upstream) -> None:
    path = unquote(handler.path).removeprefix("/commit/")
    asked = handler.headers.get("Range")
    upstream.requests.append((path, asked))
    fault = (upstream.faults.get(path) or ["none"]).pop(0) if path in upstream.faults else "none"
    data = upstream.files.get(path)
    if data is None or fault.isdecimal():
        handler.send_error(int(fault) if fault.isdecimal() else 404)
        return
    start = 0 if asked is None or fault == "no range" else int(asked[6:].rstrip("-"))
    if start >= len(data):
        handler.send_error(416)
        return
    if fault == "wrong":
        data = bytes(len(data))
    if fault == "longer":
        data += b"and more"
    body = data[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    whole = fault not in ("cut", "stall")
    handler.wfile.write(body if whole else body[: len(body) // 2])
    handler.wfile.flush()
    if fault == "stall":
        upstream.let_go.wait(20)


def write_manifest(path: Path, files: dict[str, bytes], *, subset=(), only_blob=()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "bytes", "sha256", "git_blob_sha1", "subset"])
        for name, data in files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            row = [name, len(data), hashlib.sha256(data).hexdigest(), blob]
            if name in only_blob:
                row[1:3] = ["", ""]
            table.writerow([*row, "coughs-mini" if name in subset else ""])


def sound(seconds, *, rate=48_000, channels=1, seed=0, kind="WAV", bursts=()) -> bytes:
    """Quiet noise with louder bursts at (onset, offset)."""
    random = np.random.default_rng(seed)
    samples = random.normal(size=(round(seconds * rate), channels)) * 1e-3
    for onset, offset in bursts:
        part = slice(round(onset * rate), round(offset * rate))
        samples[part] += random.normal(size=samples[part].shape) * 0.1
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind)
    return out.getvalue()


def made_coughs() -> dict[str, bytes]:
    """Six recordings laid out as upstream: a and b with coughs, c to f without; b is stereo."""
    coughs = {"a": [(0.5, 0.8), (1.2, 1.5)], "b": [(0.25, 0.5)]}
    book = openpyxl.Workbook()
    book.active.append(["ID", "Cough", "Test"])
    files = {}
    for number, name in enumerate("abcdef"):
        events = coughs.get(name, [])
        book.active.append([name, int(bool(events)), int(name in "bf")])
        files[f"Data/{name}.wav"] = sound(
            2.0, seed=number, channels=2 if name == "b" else 1, bursts=events
        )
        if events:
            lines = [f"{onset}\t{offset}\t\n" for onset, offset in events]
            files[f"Data/{name}.txt"] = "".join(lines).encode()
    out = io.BytesIO()
    book.save(out)
    return files | {"Datasheet.xlsx": out.getvalue()}


def made_clips() -> dict[str, bytes]:
    """Ten background clips, two of each fold."""
    return {
        f"00{take} - Kind {take}/{fold}-{take}-A.ogg": sound(
            0.7, rate=44_100, seed=10 * fold + take, kind="OGG", bursts=[(0.1, 0.6)]
        )
        for fold in range(1, 6)
        for take in (1, 2)
    }


def wait_until(true, *, seconds=20.0) -> None:
    """Wait for a condition, not for a length of time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it did not come true")
        time.sleep(0.01)
