"""One POST over HTTP, bounded in time, that follows no redirect. Imported when first needed."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.error
import urllib.request


class Unreachable(Exception):  # noqa: N818
    """There was no answer; the message shows neither address nor headers."""


class _Watch:
    """Ends a connection that has taken too long as a whole: a timeout only bounds each wait."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, sock: socket.socket) -> None:
        """Watch over a socket."""
        self._sock = sock
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        """Watch no longer: it was done in time."""
        self._timer.cancel()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place, and turn the POST into a GET."""

    def redirect_request(self, *asked: object) -> None:
        """Follow none: the answer is the redirect."""
        return None


def post(
    url: str, body: bytes, headers: dict[str, str], *, timeout: float
) -> tuple[int, http.client.HTTPMessage]:
    """Post ``body`` and give the status and the headers of the answer.

    Parameters
    ----------
    url, body, headers
        What goes where.
    timeout
        Seconds for the whole of it, after the host's name is known.

    Raises
    ------
    Unreachable
        When no answer came.
    """
    watch = _Watch(timeout)
    opener = urllib.request.build_opener(_NoRedirect, *_handlers(watch))
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = "no answer in time" if watch.over else _described(error)
        raise Unreachable(reason) from None
    finally:
        watch.cancel()


def _handlers(watch: _Watch) -> list[urllib.request.BaseHandler]:
    """Handlers of http and https whose sockets are watched."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watch.watch(self.sock)

    class Encrypted(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch.watch(self.sock)

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request):
            return self.do_open(Plain, request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request):
            return self.do_open(Encrypted, request)

    return [Http(), Https()]


def _described(error: Exception) -> str:
    """Say what went wrong in words that cannot hold an address."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return getattr(reason, "strerror", None) or type(reason).__name__
