"""A small web server on this machine that hands out made recordings, and misbehaves on demand.

A downloader meets files that are gone, connections that end early and servers that fall silent.
None of that can be tried on somebody else's site, so it is tried here: :class:`Server` listens on
the loopback interface only, and each :class:`Made` recording says how its delivery goes wrong.
"""

from __future__ import annotations

import html
import io
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import numpy as np
import soundfile

BLOCK = 16_384  # bytes handed out at a time
BEHAVIOURS = ("whole", "cut", "stall", "missing")
CONTENT_TYPES = {
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "webm": "audio/webm",
}


@dataclass
class Made:
    """A recording to serve, and how its delivery goes.

    Attributes
    ----------
    data
        The bytes of the file.
    kind
        Its format, a key of ``CONTENT_TYPES``.
    behaviour
        ``"whole"``; ``"cut"``: the connection ends after ``after`` bytes, although the header
        promised more; ``"stall"``: it stays open after ``after`` bytes and nothing more comes;
        ``"missing"``: HTTP 404, for the page and for the file.
    after
        Position in the file at which the mishap happens, in bytes.
    rate
        Bytes a second, to imitate a slow line; None for as fast as can be.
    title, uploader, date
        What the page of the recording says about it; the date as YYYY-MM-DD.
    """

    data: bytes = field(repr=False)
    kind: str = "ogg"
    behaviour: str = "whole"
    after: int = 0
    rate: float | None = None
    title: str = "A made recording"
    uploader: str = "nobody"
    date: str = "2021-01-01"

    def __post_init__(self) -> None:
        if self.kind not in CONTENT_TYPES:
            raise ValueError(f"kind {self.kind!r}: use one of {', '.join(CONTENT_TYPES)}")
        if self.behaviour not in BEHAVIOURS:
            raise ValueError(f"behaviour {self.behaviour!r}: use one of {', '.join(BEHAVIOURS)}")


def encode(samples: np.ndarray, *, sample_rate: int = 48_000, kind: str = "ogg") -> bytes:
    """Encode mono sound as the bytes of a file.

    Parameters
    ----------
    samples
        Sound, shape (samples,), in [-1, 1].
    sample_rate
        In Hz. WebM holds Opus, which knows 8, 12, 16, 24 and 48 kHz only.
    kind
        ``"ogg"`` (Vorbis), ``"mp3"``, ``"flac"`` or ``"wav"`` by libsndfile; ``"m4a"`` (AAC, as a
        phone records) or ``"webm"`` (Opus, as a video site serves) by PyAV.
    """
    if kind not in CONTENT_TYPES:
        raise ValueError(f"kind {kind!r}: use one of {', '.join(CONTENT_TYPES)}")
    samples = np.asarray(samples, dtype=np.float32)
    if kind in ("m4a", "webm"):
        return _encode_av(samples, sample_rate, kind)
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", sample_rate, 1, format=kind.upper()) as file:
        for start in range(0, len(samples), sample_rate):  # long Vorbis writes overflow its stack
            file.write(samples[start : start + sample_rate])
    return out.getvalue()


def _encode_av(samples: np.ndarray, sample_rate: int, kind: str) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format={"m4a": "mp4", "webm": "webm"}[kind]) as container:
        codec = {"m4a": "aac", "webm": "libopus"}[kind]
        stream = container.add_stream(codec, rate=sample_rate, layout="mono")
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=sample_rate, frame_size=stream.frame_size
        )
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        frame.pts = 0  # so that the container notes what the encoder puts before the first sample
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


class Server:
    """Serve made recordings on 127.0.0.1 for as long as the ``with`` block lasts.

    Parameters
    ----------
    recordings
        From the id of a recording to the recording. Change one while the server runs, and the
        next request sees the change.

    Attributes
    ----------
    address : str
        Address of a recording's page, with ``{id}`` in the place of its id.
    direct : str
        Address of a recording's file itself.
    log : list of dict
        One entry for each request: path, status, start (first byte asked for), sent (bytes).

    Examples
    --------
    >>> with Server({"abc": Made(encode(np.zeros(48_000)))}) as server:
    ...     server.address.format(id="abc").endswith("/watch?v=abc")
    True
    """

    def __init__(self, recordings: dict[str, Made]) -> None:
        self.recordings = recordings
        self.log: list[dict] = []
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def root(self) -> str:
        """Address of the server itself."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def address(self) -> str:
        """Address of a page, to be completed with an id."""
        return f"{self.root}/watch?v={{id}}"

    @property
    def direct(self) -> str:
        """Address of a file, to be completed with an id."""
        return f"{self.root}/file/{{id}}"

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_exc) -> None:
        self.stop()

    def start(self) -> Server:
        """Begin to serve, where a ``with`` block does not fit, as over the cells of a notebook."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it; connections that stall are let go."""
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    """Make the class that answers the requests of ``server``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlparse(self.path)
            page = url.path == "/watch"
            name = parse_qs(url.query).get("v", [""])[0] if page else url.path.split("/")[-1]
            self.entry = {"path": self.path, "status": 404, "start": 0, "sent": 0}
            server.log.append(self.entry)
            made = server.recordings.get(name)
            if made is None or made.behaviour == "missing":
                self.send_error(404)
            elif page:
                self.page(name, made)
            else:
                self.file(made)

        def head(self, status: int, content_type: str, length: int, **more: str) -> None:
            self.entry["status"] = status
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(length))
            for key, value in more.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()

        def page(self, name: str, made: Made) -> None:
            body = _page(made, server.direct.format(id=name)).encode()
            self.head(200, "text/html; charset=utf-8", len(body))
            self.wfile.write(body)

        def file(self, made: Made) -> None:
            size = len(made.data)
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            start = int(asked[1]) if asked else 0
            stop = min(int(asked[2]) + 1, size) if asked and asked[2] else size
            self.entry["start"] = start
            if start >= size:
                self.head(416, "text/plain", 0, Content_Range=f"bytes */{size}")
                return
            more = {"Content_Range": f"bytes {start}-{stop - 1}/{size}"} if asked else {}
            self.head(206 if asked else 200, CONTENT_TYPES[made.kind], stop - start, **more)
            try:
                self.body(made, start, stop)
            except OSError:  # the other side has heard enough and closed the connection
                pass

        def body(self, made: Made, start: int, stop: int) -> None:
            end = min(stop, made.after) if made.behaviour in ("cut", "stall") else stop
            block = BLOCK if made.rate is None else max(1, min(BLOCK, int(made.rate / 10)))
            for position in range(start, end, block):
                part = made.data[position : min(position + block, end)]
                self.wfile.write(part)
                self.entry["sent"] += len(part)
                if made.rate is not None:
                    time.sleep(len(part) / made.rate)
            if made.behaviour == "stall" and end < stop:
                server._closing.wait(60)

        def log_message(self, *_args) -> None:
            """Keep the terminal clean: the log is a list."""

    return Handler


def _page(made: Made, file_address: str) -> str:
    """Write a page as video sites do: a description for machines (schema.org) beside the title."""
    about = {
        "@context": "https://schema.org",
        "@type": "AudioObject",
        "name": made.title,
        "author": {"@type": "Person", "name": made.uploader},
        "uploadDate": made.date,
        "contentUrl": file_address,
        "encodingFormat": CONTENT_TYPES[made.kind],
    }
    return (
        f"<!doctype html><title>{html.escape(made.title)}</title>"
        f'<script type="application/ld+json">{json.dumps(about)}</script>'
    )
