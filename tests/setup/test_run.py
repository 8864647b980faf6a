"""bin/run as a whole: what it prints, what it refuses, and that nothing outlives it."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]
BROKEN = b"this was a database once, but now it is not even close to one"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(instance: Path, port: int) -> Iterator[Start]:
    runs: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        runs.append(run_on(instance, port, *arguments))
        return runs[-1]

    yield start
    for run in runs:
        run.terminate()
        run.communicate()


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What the first run of all leaves behind, and its greeting: loading the demo company takes its time."""
    folder = tmp_path_factory.mktemp("first") / "instance"
    run = run_on(folder, free_port())
    greeting = read_greeting(run)
    run.terminate()
    assert run.wait(60) == 0
    assert processes_on(folder) == {}
    return folder, greeting


@pytest.fixture
def greeting(first_run: tuple[Path, str], instance: Path, port: int) -> str:
    """Of a run on `instance`, which has been run before."""
    folder, greeting = first_run
    shutil.copytree(folder, instance)
    first = re.search(r"http://127\.0\.0\.1:\d+", greeting)
    assert first is not None
    return greeting.replace(first[0], f"http://127.0.0.1:{port}").replace(str(folder), str(instance))


def run_on(instance: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    settings |= {"COUNTERSIGN_INSTANCE": str(instance), "PORT": str(port), "COUNTERSIGN_DEMO_HISTORY": "off"}
    command = [ROOT / "bin/run", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=settings, text=True, preexec_fn=hear_hangups, **pipes)


def hear_hangups() -> None:
    """The tests themselves may run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def read_greeting(run: subprocess.Popen[str]) -> str:
    lines: list[str] = []
    for line in run.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    pytest.fail(run.stderr.read())


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert holds()


def refusal(run: subprocess.Popen[str]) -> str:
    """Returns the one sentence of a run that would not start."""
    output, errors = run.communicate(timeout=60)
    assert (run.returncode, output, errors.count("\n")) == (1, "", 1)
    return errors


def processes_on(instance: Path) -> dict[int, str]:
    """Returns pid and command of every living process that was started for the folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()  # Redis overwrites its own, but works in the folder
            if f"COUNTERSIGN_INSTANCE={instance}".encode() in environment or (entry / "cwd").readlink() == instance:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGHUP])  # SIGTERM ends the first run
def test_a_run_greets_answers_and_takes_everything_with_it(
    start: Start, greeting: str, instance: Path, port: int, ending: int
):
    run = start()
    assert read_greeting(run) == greeting and "@" in greeting
    assert urlopen(f"http://127.0.0.1:{port}/health").status == 200
    assert len(processes_on(instance)) >= 6
    assert "another bin/run is at work" in refusal(start("--fresh"))

    run.send_signal(ending)
    assert run.wait(60) == 0
    assert processes_on(instance) == {}


def test_data_survive_and_are_migrated_again_when_older_ones_are_put_back(start: Start, greeting: str, instance: Path):
    with sqlite3.connect(instance / "countersign.sqlite3") as database:
        database.execute("UPDATE company SET name = 'Ours'")
    run = start()
    assert read_greeting(run) == greeting
    run.terminate()
    assert run.wait(60) == 0
    with sqlite3.connect(instance / "countersign.sqlite3") as database:
        assert database.execute("SELECT name FROM company").fetchone() == ("Ours",)
        database.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    assert "from-the-future" in refusal(start())


@pytest.mark.faults
def test_when_one_process_dies_the_rest_is_stopped_and_the_sentence_names_it(
    start: Start, greeting: str, instance: Path
):
    run = start()
    read_greeting(run)
    worker = next(pid for pid, command in processes_on(instance).items() if command.rstrip().endswith(" worker"))
    os.kill(worker, signal.SIGKILL)
    assert "the worker was ended by SIGKILL" in refusal(run)
    assert processes_on(instance) == {}


@pytest.mark.faults
def test_nothing_outlives_a_killed_run(start: Start, greeting: str, instance: Path):
    run = start()
    read_greeting(run)
    run.kill()
    wait_until(lambda: processes_on(instance) == {})


def test_a_broken_database_is_named_and_fresh_puts_it_aside(start: Start, instance: Path):
    instance.mkdir()
    (instance / "countersign.sqlite3").write_bytes(BROKEN)
    assert "cannot be read (file is not a database)" in refusal(start())
    run, aside = start("--fresh"), instance.with_name("instance.previous") / "countersign.sqlite3"
    wait_until(lambda: run.poll() is not None or aside.exists())
    assert run.poll() is None and aside.read_bytes() == BROKEN


def test_fresh_leaves_a_folder_alone_that_is_not_ours(start: Start, instance: Path):
    instance.mkdir()
    (instance / "thesis.txt").write_text("years of work")
    assert "--fresh leaves it alone" in refusal(start("--fresh"))
    assert (instance / "thesis.txt").exists()


def test_a_taken_port_is_named(start: Start, port: int):
    with socket.create_server(("127.0.0.1", port)):
        assert f"port {port} is not to be had" in refusal(start())
