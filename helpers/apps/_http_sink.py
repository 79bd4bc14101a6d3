"""Bubbles per minute for a web service, in the shape of Brewfather's custom stream."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus

from helpers.apps._secrets import Secret, SinkError, hidden, parsed, shown
from helpers.apps._spool import Batch, NotDelivered, Spool
from helpers.apps.records import MINUTE, iso

LONGEST_PAUSE = 86_400.0  # of what a server may ask for
AGAIN = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
REMEDIES = {
    HTTPStatus.UNAUTHORIZED: "check HEARING_HTTP_TOKEN",
    HTTPStatus.FORBIDDEN: "check HEARING_HTTP_TOKEN",
    HTTPStatus.NOT_FOUND: "check HEARING_HTTP_URL",
    HTTPStatus.GONE: "check HEARING_HTTP_URL",
}


class HttpSink:
    """Post the mean of everything that was not posted yet, at most once in ``every`` seconds.

    The minutes of a post are fixed before it is sent. Until it is answered with 2xx it is sent
    again unchanged, under the same ``Idempotency-Key``.

    Parameters
    ----------
    url : str or Secret
        http or https; Brewfather's holds its token in the query.
    token : str, Secret or None
        Sent as ``Authorization: Bearer``, where there is one.
    name : str
        Of the brew or the device, as the service lists it.
    every : float
        Seconds from one post to the next, over restarts as well.
    timeout : float
        Seconds that one try may take.

    Raises
    ------
    SinkError
        When the address or the token cannot be one.
    """

    name = "http"
    longest = 600.0  # seconds between two tries
    later = 3600.0  # seconds until it is tried again where only a person can mend it
    last_look = False

    def __init__(
        self,
        url: str | Secret,
        token: str | Secret | None,
        name: str,
        every: float = 900.0,
        *,
        timeout: float = 20.0,
    ) -> None:
        self._url, self._token = hidden(url), hidden(token)
        parts = parsed(self._url, schemes=("http", "https"), name="HEARING_HTTP_URL")
        if "@" in parts.netloc:
            raise SinkError("HEARING_HTTP_URL: no user and no password wanted: HEARING_HTTP_TOKEN")
        self.where = shown(parts)
        text = self._token.reveal()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise SinkError("HEARING_HTTP_TOKEN: letters, digits and signs of ASCII wanted")
        self.device, self.every, self.timeout = name, every, timeout

    def __repr__(self) -> str:
        return f"HttpSink({self.where!r})"

    def deliver(self, spool: Spool, clock: Callable[[], float]) -> float | None:
        """Post what is due; returns the seconds until the next post may be, or None."""
        batch = spool.frozen()
        if batch is None:
            pause = self._pause(spool, clock())
            if pause > 0:
                return pause
            if not any(minute.seconds > 0 for minute in spool.unsent()):
                return None  # nothing was heard: there is no rate to tell
            batch = spool.freeze(os.urandom(16).hex())
        self._post(batch, clock)
        spool.mark([minute.start for minute in batch.minutes], clock())
        return self.every

    def close(self) -> None:
        """Nothing is held open."""

    def _pause(self, spool: Spool, now: float) -> float:
        """Seconds until the next post may be."""
        last = spool.last_sent()
        # A last post that lies far in the future was stamped by a clock that was wrong then.
        if last is None or not -self.every <= now - last < self.every:
            return 0.0
        return self.every - (now - last)

    def _post(self, batch: Batch, clock: Callable[[], float]) -> None:
        from helpers.apps import _post  # urllib.request takes long to import

        headers = {"Content-Type": "application/json", "Idempotency-Key": batch.id}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        body = json.dumps(content(batch, name=self.device)).encode()
        try:
            status, answer = _post.post(self._url.reveal(), body, headers, timeout=self.timeout)
        except _post.Unreachable as error:
            raise NotDelivered(f"{self.where}: {error}") from None
        if not 200 <= status < 300:
            raise self._refusal(status, answer, clock())

    def _refusal(self, status: int, answer: Mapping[str, str], now: float) -> NotDelivered:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
        said = f"{self.where}: answered {status} {phrase}".rstrip()
        if status in AGAIN or status >= 500:
            return NotDelivered(said, wait=retry_after(answer.get("Retry-After"), now))
        if 300 <= status < 400:
            remedy = "which sends elsewhere: set HEARING_HTTP_URL to the final address"
        else:
            remedy = REMEDIES.get(HTTPStatus(status), "") if phrase else ""
            remedy = remedy or "check HEARING_HTTP_URL and HEARING_HTTP_TOKEN"
        return NotDelivered(f"{said}: {remedy}", refused=True)


def content(batch: Batch, *, name: str) -> dict[str, object]:
    """Tell what a batch comes to: the mean rate over what was heard of its minutes.

    Returns
    -------
    dict
        ``name``, ``bpm`` (bubbles per minute) and ``comment`` (from when to when, of how many
        minutes, how much of them was heard, and the last state).
    """
    minutes = batch.minutes
    heard = sum(minute.seconds for minute in minutes)
    rate = MINUTE * sum(minute.count for minute in minutes) / heard
    comment = (
        f"{iso(minutes[0].start)} to {iso(minutes[-1].start + MINUTE)}, minutes: {len(minutes)}, "
        f"heard: {heard / MINUTE:.1f}, {minutes[-1].state}"
    )
    return {"name": name, "bpm": round(rate, 2), "comment": comment}


def retry_after(text: str | None, now: float) -> float:
    """Seconds that a ``Retry-After`` asks for, 0 where it is missing or no such thing.

    Parameters
    ----------
    text
        A number of seconds, or a date of HTTP.
    now
        Unix seconds.
    """
    if not text:
        return 0.0
    try:
        seconds = float(int(text))
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), LONGEST_PAUSE)
