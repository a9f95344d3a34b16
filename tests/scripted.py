"""Servers that answer what a test says, and a clock that never makes one wait."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Clock(threading.Event):
    """An event whose waits are over at once, and let the time of a clock pass instead.

    Args:
        now: Milliseconds since 1970.
    """

    def __init__(self, now: int = 0):
        super().__init__()
        self.now = float(now)
        self.waits: list[float] = []

    def __call__(self) -> int:
        return int(self.now)

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.now += 1000 * (timeout or 0.0)
        return self.is_set()


class Handler(BaseHTTPRequestHandler):
    """What answers a request: ``body`` is what it held."""

    body = b""

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        """Answer; a wrong length breaks off."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length is not None


@contextmanager
def server(answer: Callable[[Handler], None], port: int = 0, context: Any = None) -> Iterator[str]:
    """Yield the address of a server that answers every request so."""

    class Answering(Handler):
        def do_POST(self) -> None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_GET = do_POST

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Let those who hang up do so."""

    one = Server(("127.0.0.1", port), Answering)
    if context is not None:
        one.socket = context.wrap_socket(one.socket, server_side=True)
    thread = threading.Thread(target=one.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http{'s' * (context is not None)}://127.0.0.1:{one.server_port}"
    finally:
        one.shutdown()
        thread.join()
        one.server_close()
