"""Every minute for a message broker, announced so that Home Assistant finds it by itself."""

from __future__ import annotations

import json
import math
import os
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import SplitResult, unquote

from helpers.apps._secrets import Secret, SinkError, hidden, parsed, shown
from helpers.apps._spool import NotDelivered, Spool
from helpers.apps.records import Minute, iso

SETTING = "HEARING_MQTT_URL"
PORTS = {"mqtt": 1883, "mqtts": 8883}
WINDOW = 20  # messages on their way at once
KEEP_ALIVE = 60  # seconds; the sender looks after the connection far more often
BUSY = (3, 136, 137)  # a broker's answers that time may mend

Message = tuple[str, str, bool]  # topic, payload, retained


class MqttSink:
    """Publish every closed minute with QoS 1; it is told when the broker has acknowledged it.

    ``<prefix>/<name>/minute`` gets each minute once, or again where a kill came before the
    acknowledgement was written down: its ``start`` tells. ``<prefix>/<name>/state`` retains the
    newest one, ``<prefix>/<name>/availability`` says ``online`` or, by the last will, ``offline``.

    Parameters
    ----------
    address : str or Secret
        ``mqtt://user:password@host:1883/prefix``, or ``mqtts://`` for TLS with the system's
        certificates. Without a prefix it is ``hearing``.
    name : str
        Of the brew or the device.
    timeout : float
        Seconds to wait for the broker.

    Raises
    ------
    SinkError
        When the address cannot be one, or the name has no letter or digit.
    """

    name = "mqtt"
    longest = 60.0  # seconds between two tries: an idle broker does not mind
    later = 3600.0  # seconds until it is tried again where only a person can mend it
    last_look = False

    def __init__(self, address: str | Secret, name: str, *, timeout: float = 10.0) -> None:
        self._address = hidden(address)
        parts = parsed(self._address, schemes=tuple(PORTS), name=SETTING)
        prefix = unquote(parts.path).strip("/") or "hearing"
        if not prefix.isprintable() or set(prefix) & set("+#") or parts.query:
            raise SinkError(f"{SETTING}: a prefix of topics with no + # ? after the host wanted")
        self.where = shown(parts)
        self.device, self.slug, self.timeout = name, slug(name), timeout
        self._topic = f"{prefix}/{self.slug}"
        self._link: Link | None = None

    def __repr__(self) -> str:
        return f"MqttSink({self.where!r})"

    def deliver(self, spool: Spool, clock: Callable[[], float]) -> float | None:
        """Publish what is new; returns 0 where there is more, else None: look again soon."""
        try:
            if self._link is None:
                self._link = self._connect()
            self._link.turn()
            minutes = spool.unsent(WINDOW)
            if minutes:
                self._publish(minutes, spool, clock)
        except NotDelivered:
            self._drop()
            raise
        return 0.0 if len(minutes) == WINDOW else None

    def close(self) -> None:
        """Say that the tracker is off."""
        if self._link is not None:
            try:
                self._link.publish([(f"{self._topic}/availability", "offline", True)], timeout=2.0)
            except NotDelivered:
                pass  # the last will says so
            self._drop()

    def _publish(self, minutes: list[Minute], spool: Spool, clock: Callable[[], float]) -> None:
        told = self._link.publish(
            [(f"{self._topic}/minute", as_json(one), False) for one in minutes]
        )
        spool.mark([one.start for one, good in zip(minutes, told, strict=True) if good], clock())
        newest = (f"{self._topic}/state", as_json(minutes[-1]), True)
        if not all(told) or not all(self._link.publish([newest])):
            raise NotDelivered(f"{self.where}: the broker did not acknowledge")

    def _connect(self) -> Link:
        availability = f"{self._topic}/availability"
        link = Link(self._address, self.where, will=availability, timeout=self.timeout)
        try:
            announced = link.publish([*self._discovery(), (availability, "online", True)])
            if not all(announced):
                raise NotDelivered(f"{self.where}: the broker did not acknowledge")
        except NotDelivered:
            link.close()
            raise
        return link

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _discovery(self) -> list[Message]:
        """Messages that make Home Assistant show a rate, a state and a problem."""
        from helpers.apps.alarms import ALARMS

        rate = {"unit_of_measurement": "bubbles/min", "state_class": "measurement"}
        rate |= {"value_template": "{{ value_json.rate }}", "icon": "mdi:chart-bubble"}
        state = {"value_template": "{{ value_json.state }}", "icon": "mdi:beer"}
        alarms = json.dumps(sorted(ALARMS))
        problem = {"device_class": "problem"}
        problem["value_template"] = f"{{{{ 'ON' if value_json.state in {alarms} else 'OFF' }}}}"
        return [
            self._entity("sensor", "rate", "Bubbles per minute", rate),
            self._entity("sensor", "state", "State", state),
            self._entity("binary_sensor", "problem", "Problem", problem),
        ]

    def _entity(self, kind: str, key: str, label: str, more: dict[str, str]) -> Message:
        id_ = f"hearing_{self.slug}_{key}"
        device = {"identifiers": [f"hearing_{self.slug}"], "name": self.device}
        payload = {
            "name": label,
            "unique_id": id_,
            "state_topic": f"{self._topic}/state",
            "availability_topic": f"{self._topic}/availability",
            "device": device | {"model": "Fermentation tracker", "manufacturer": "machine-hearing"},
        }
        return f"homeassistant/{kind}/{id_}/config", json.dumps(payload | more), True


class Link:
    """A connection to a broker, driven by whoever calls it: it needs no thread.

    Parameters
    ----------
    address : Secret
    where : str
        The address as it may be shown.
    will : str
        Topic of the last will.
    timeout : float
        Seconds to wait for the broker.

    Raises
    ------
    NotDelivered
        When there is no connection, or the broker refuses it.
    """

    def __init__(self, address: Secret, where: str, *, will: str, timeout: float) -> None:
        self.where, self.timeout = where, timeout
        self._answer: object | None = None
        parts = parsed(address, schemes=tuple(PORTS), name=SETTING)
        self._client = self._set_up(parts, will)
        try:
            self._client.connect(
                parts.hostname, parts.port or PORTS[parts.scheme], keepalive=KEEP_ALIVE
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotDelivered(f"{where}: {reason}") from None
        try:
            self._wait(lambda: self._answer is not None)
            self._refuse()
        except NotDelivered:
            self.close()
            raise

    def _set_up(self, parts: SplitResult, will: str):
        from paho.mqtt import client as paho  # takes long to import

        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"hearing-{os.urandom(6).hex()}",
            reconnect_on_failure=False,
        )
        client.connect_timeout = self.timeout
        if parts.username is not None:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            client.tls_set()
        client.will_set(will, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        return client

    def _on_connect(self, client, data, flags, reason, properties) -> None:
        self._answer = reason

    def _refuse(self) -> None:
        """Raise where the broker has answered that it does not want this client."""
        if self._answer is None:
            raise NotDelivered(f"{self.where}: the broker did not answer in time")
        if self._answer.is_failure:
            raise NotDelivered(
                f"{self.where}: the broker refuses ({self._answer}): check user and password in "
                f"{SETTING}",
                refused=self._answer.value not in BUSY,
            )

    def turn(self) -> None:
        """Let the connection do what is due, such as its keep-alive.

        Raises
        ------
        NotDelivered
            When it is lost.
        """
        if self._client.loop(timeout=0.01):
            raise NotDelivered(f"{self.where}: the connection is lost")

    def publish(self, messages: list[Message], *, timeout: float | None = None) -> list[bool]:
        """Publish with QoS 1 and say which messages were acknowledged in time."""
        sent = [
            self._client.publish(topic, text, qos=1, retain=retain)
            for topic, text, retain in messages
        ]
        try:
            self._wait(lambda: all(one.rc or one.is_published() for one in sent), timeout)
        except NotDelivered:
            pass  # some may have been acknowledged
        return [one.rc == 0 and one.is_published() for one in sent]

    def close(self) -> None:
        """End it."""
        self._client.disconnect()
        self._client.loop(timeout=0.01)

    def _wait(self, true: Callable[[], bool], timeout: float | None = None) -> None:
        """Turn until something is true, or for as long as the broker may take."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not true() and time.monotonic() < end:
            if self._client.loop(timeout=0.1) and not true():
                raise NotDelivered(f"{self.where}: the connection is lost")


def as_json(minute: Minute) -> str:
    """Write a minute as JSON, with its start in ISO 8601 as ``time``; null where not finite."""
    values = {"time": iso(minute.start)} | asdict(minute)
    for name in ("rate", "low", "high"):
        values[name] = round(values[name], 3) if math.isfinite(values[name]) else None
    return json.dumps(values, allow_nan=False)


def slug(name: str) -> str:
    """Make a name fit for topics and ids: small letters, digits and ``_``.

    Raises
    ------
    SinkError
        When nothing is left of it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not text:
        raise SinkError(f"name {name!r}: at least one letter or digit of ASCII wanted")
    return text
