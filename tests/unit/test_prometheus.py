"""A number asked of a server on this machine, or a sentence where there is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

from longshore.cluster.prometheus import ask

ONE = '{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"2.5"]}]}}'


@contextmanager
def server(status: int, body: str, **headers: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Its address, and path and query of what it is asked."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append((self.path, parse_qs(form)["query"][0]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", asked
    finally:
        running.shutdown()
        running.server_close()


def test_a_query_gives_its_number() -> None:
    with server(200, ONE) as (url, asked):
        assert asyncio.run(ask(f"{url}/prefix/", 'up{a="b&c"}')) == (2.5, "")
    assert asked == [("/prefix/api/v1/query", 'up{a="b&c"}')]


def test_it_is_not_led_elsewhere() -> None:
    with server(200, ONE) as (other, asked_there), server(307, "", Location=other) as (url, asked):
        value, problem = asyncio.run(ask(url, "up"))
    assert (value, problem) == (None, "Prometheus answered 307 with what is no result")
    assert (len(asked), asked_there) == (1, [])


def test_a_server_that_is_not_there_is_told() -> None:
    with server(200, ONE) as (url, _):
        pass
    value, problem = asyncio.run(ask(url, "up"))
    assert value is None
    assert problem.startswith("Prometheus is not reached: ")
