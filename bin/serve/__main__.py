"""Runs Countersign on this machine until Ctrl-C: Redis, web server, worker and clock, with the demo company.

Called by bin/run from the top folder. Standard library only, so that it is up before the product is imported.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import data
import instance
from processes import Children, Stop

FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")


def chosen_port() -> int:
    """Returns PORT; raises Stop when that is no free port."""
    wish = os.environ.get("PORT", "8000")
    if not (wish.isdecimal() and 0 < int(wish) < 65536):
        raise Stop(f"PORT must be a number from 1 to 65535, not «{wish}»")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(wish)))
        except OSError as error:
            raise Stop(f"port {wish} is not to be had ({error.strerror}); choose another: PORT=8001 bin/run") from None
    return int(wish)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_redis(children: Children, folder: Path) -> Callable[[], None]:
    """Returns what waits for it; for none of ours, where the environment names one."""
    if "COUNTERSIGN_REDIS_URL" in os.environ:
        return lambda: None
    port = free_port()
    children.start("redis", "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
    os.environ["COUNTERSIGN_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    return lambda: children.wait_until(lambda: answers(port, b"PING\r\n", b"+PONG"), "Redis")


def answers(port: int, question: bytes, answer: bytes) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(question)
        return connection.recv(16).startswith(answer)
    return False


def start_web_server(children: Children, port: int) -> Callable[[], None]:
    """Returns what waits until it answers."""
    granian = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port))
    workers = ("--workers", "1", "--workers-kill-timeout", "2")  # one told to stop while it starts never would
    children.start("web server", sys.executable, *granian, *workers, "wsgi:app")
    question = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return lambda: children.wait_until(lambda: answers(port, question, b"HTTP/1.1 200"), "the web server")


def start_product(children: Children, folder: Path, port: int) -> str:
    """Returns the demo's sign-ins. Importing the product takes longest: the rest is done beside it where it can be."""
    wait_for_redis = start_redis(children, folder)
    sign_ins = data.prepared_before(folder)
    if not sign_ins:
        instance.check_database(folder)
        wait_for_redis()
        sign_ins = data.prepare(folder)
    wait_for_web_server = start_web_server(children, port)
    instance.check_database(folder)
    wait_for_redis()
    wait_for_web_server()
    children.start("worker", *FLASK, "worker")  # after it: whoever waits, waits for the first page
    children.start("clock", *FLASK, "clock")
    return sign_ins


def serve(fresh: bool) -> NoReturn:
    folder = Path(os.environ.get("COUNTERSIGN_INSTANCE", "instance")).resolve()
    os.environ["COUNTERSIGN_INSTANCE"] = str(folder)
    instance.reserve(folder)
    port = chosen_port()
    if fresh:
        instance.start_over(folder)
    address = os.environ.setdefault("COUNTERSIGN_BASE_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("COUNTERSIGN_ENV", "demo")
    with Children(folder / "log") as children:
        sign_ins = start_product(children, folder, port)
        print(f"Countersign runs at {address}\n\n{sign_ins}\nCtrl-C stops it. Logs: {folder / 'log'}", flush=True)
        children.watch()


def leave(*_signal: object) -> NoReturn:
    """Ends the run once, in order; whoever presses Ctrl-C again does not interrupt the stopping."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    parser = argparse.ArgumentParser("bin/run", description="Runs Countersign with its demo company until Ctrl-C.")
    parser.add_argument("--fresh", action="store_true", help="start over with new demo data")
    arguments = parser.parse_args()
    for number in ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, leave)
    try:
        serve(arguments.fresh)
    except Stop as stop:
        sys.exit(f"bin/run: {str(stop).rstrip('.')}.")
    except OSError as error:
        sys.exit(f"bin/run: {error.filename}: {error.strerror}.")


main()
