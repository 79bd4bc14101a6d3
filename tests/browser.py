"""A real browser for the tests: headless Chromium through chromedriver, and servers beside it."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from urllib.parse import urlsplit


class Browser:
    """As much of the W3C WebDriver protocol as the tests need."""

    ENTER, TAB, SHIFT = "\ue007", "\ue004", "\ue008"

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options = {"args": [*arguments, "--window-size=1000,1200"]}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options}}
        session = self._ask("POST", "", {"capabilities": capabilities})
        self.address += f"/{session['sessionId']}"

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def run(self, script):
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def press(self, keys, *, holding=""):
        taps = [(kind, key) for key in keys for kind in ("keyDown", "keyUp")]
        taps = [("keyDown", holding), *taps, ("keyUp", holding)] if holding else taps
        steps = [{"type": kind, "value": key} for kind, key in taps]
        actions = [{"type": "key", "id": "keyboard", "actions": steps}]
        self._ask("POST", "/actions", {"actions": actions})

    def screenshot(self):
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def wait(self, script, *, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.run(script)
            if found:
                return found
            time.sleep(0.2)
        page = self.run("return document.body.innerText")
        raise AssertionError(f"never true: {script}\nthe page says: {page[:2000]}")

    def close(self):
        self._ask("DELETE", "")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def process(command, ready, **options):
    """Run a server until the block ends, with what it starts; wait until `ready` answers."""
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )
    try:
        end = time.monotonic() + 90
        while True:
            assert server.poll() is None, f"{command[0]} stopped with {server.returncode}"
            assert time.monotonic() < end, f"{command[0]} never answered at {ready}"
            with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=5):
                break
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


class Screen(Browser):
    """A browser of a given size that keeps a log of what it asks for."""

    def __init__(self, port, *, width, height):
        self.address = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options = {"args": [*arguments, f"--window-size={width},{height}"]}
        if width < 500:  # no window is that narrow
            metrics = {"width": width, "height": height, "pixelRatio": 2, "mobile": True}
            options["mobileEmulation"] = {"deviceMetrics": {**metrics, "touch": True}}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.address += f"/{session['sessionId']}"

    def hosts(self):
        """Hosts that were asked for anything since the last call."""
        found = set()
        for entry in self._ask("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.add(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                found.add(message["params"]["url"])
        assert len(found) > 10, "the log is empty"
        return {urlsplit(url).hostname for url in found if not url.startswith(("data:", "blob:"))}
