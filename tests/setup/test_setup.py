"""bin/setup on machines that lack something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ["bash", "basename", "cat", "cp", "cut", "dirname", "grep", "mkdir", "rm", "sha256sum"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What bin/setup reads, without anything that it installs."""
    for name in ("bin/setup", "app/static/icons.txt", "package.json", "package-lock.json", "requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_an_ordinary_user_learns_which_packages_to_ask_for(checkout: Path):
    machine = checkout / "machine"
    machine.mkdir()
    for tool in TOOLS:
        (machine / tool).symlink_to(shutil.which(tool))
    for name, answer in {"apt-get": "exit 9", "ldconfig": "exit 0", "id": "echo 1000"}.items():
        (machine / name).write_text(f"#!{shutil.which('bash')}\n{answer}\n")
        (machine / name).chmod(0o755)
    done = subprocess.run([checkout / "bin/setup"], env={"PATH": str(machine)}, capture_output=True, text=True)
    assert done.returncode == 1
    sentence, command = done.stderr.splitlines()
    for package in ("python3", "python3-venv", "libpangoft2-1.0-0", "libharfbuzz-subset0", "redis-server"):
        assert f" {package} " in f"{command} "
    assert sentence.startswith("bin/setup: an administrator has to install")
    assert command.startswith("  sudo apt-get install")


def test_an_unknown_icon_is_named(checkout: Path):
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    (checkout / "node_modules").symlink_to(ROOT / "node_modules")
    with (checkout / "app/static/icons.txt").open("a") as icons:
        icons.write("no-such-icon\n")
    done = subprocess.run([checkout / "bin/setup", "--assets"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "names «no-such-icon»" in done.stderr


def cpu_of_children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def test_it_is_silent_and_quick_when_nothing_is_missing():
    subprocess.run([ROOT / "bin/setup", "--test"], check=True, capture_output=True)
    begin = cpu_of_children()
    done = subprocess.run([ROOT / "bin/setup", "--test"], check=True, capture_output=True, env=os.environ)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert cpu_of_children() - begin < 1  # seconds of work, not of waiting for a busy machine
