"""The application on a real port, for browsers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        """Nothing: a browser asks for much."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serves `app` from threads of this process and yields its address, which becomes its BASE_URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    app.config["BASE_URL"] = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield app.config["BASE_URL"]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def live_server(app: Flask) -> Iterator[str]:
    """The address of this test's application. Routes of the test's own must be added before the first request."""
    with serving(app) as address:
        yield address
