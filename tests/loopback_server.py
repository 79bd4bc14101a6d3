"""Run a request handler on loopback for as long as a block lasts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def running(
    handler: type[BaseHTTPRequestHandler], *, let_go: threading.Event, port: int = 0
) -> Iterator[str]:
    """Give the server's address; at the end `let_go` frees the requests that it holds back."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        let_go.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
