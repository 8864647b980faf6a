"""A whole life of the product in one process: its clock, its gateway and its workers are ours to turn.

`World.do` lets one thing happen; in the middle of it the process may die, or another process may do something else.
Verbs are in `verbs`; whole lives by a seed in `lives`.
"""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
import time_machine
from flask import Flask
from sqlalchemy import Engine, event

from app import failpoints
from app.access import Role
from app.db import WRITE, db, end_read
from app.documents import rendering
from app.errors import NotFound, Refusal
from app.gateways.base import GatewayUnreachable
from app.gateways.notices import BadNotice
from app.gateways.sandbox import books, post
from app.gateways.sandbox.line import Rejected
from app.models import Account, User
from tests import factories
from tests.conftest import make_app

T = TypeVar("T")
Verb = Callable[["World"], str]

NOTHING = "Refusal nothing_there"
IDLE = 77  # how a process ends that found nothing to do
BIRTH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# What may be answered: to people, to ourselves, by the processor. Everything else that is raised is a finding.
ANSWERS = (Refusal, Rejected, GatewayUnreachable, NotFound, BadNotice)
# Where no transaction is open, so that another process can do something in the meantime.
GAPS = (
    "charge.attempt_committed",
    "charge.in_call",
    "charge.answered",
    "charge.outcome_committed",
    "movement.committed",
    "movement.in_call",
    "movement.answered",
    "movement.outcome_committed",
    "job.handed_over",
    "mail.claimed",
    "mail.delivered",
)


class Killed(BaseException):
    """The process is gone: nobody catches this but the world."""


class Finding(AssertionError):
    """What must hold does not."""


@dataclass
class Fate:
    """What waits at a failpoint or a commit of what happens next, `after` so many passings. `for_real`: SIGKILL."""

    point: str = ""
    after: int = 0
    for_real: bool = False
    meanwhile: Verb | None = None


@dataclass
class World:
    app: Flask
    town: Path
    clock: Any
    rng: random.Random = field(default_factory=random.Random)
    steps: list[str] = field(default_factory=list)
    fate: Fate | None = None
    broke: list[str] = field(default_factory=list)
    keys: int = 0
    depth: int = 0
    kills: int = 0
    with_mail: bool = True
    # Seconds let pass in any process of this world: a time in which one of them died is not lived again by the next.
    _passed: Any = field(default_factory=lambda: memoryview(mmap.mmap(-1, 8)).cast("d"))

    @property
    def file(self) -> Path:
        return Path(self.app.config["INSTANCE"]) / "countersign.sqlite3"

    def be_born(self, rng: random.Random) -> None:
        """A new life begins in the same town, with nothing sold yet."""
        self.rng, self.steps, self.broke, self.fate, self.keys, self.kills = rng, [], [], None, 0, 0
        self.with_mail = rng.random() < 0.1
        self.clock.move_to(BIRTH)
        with self.app.app_context():
            _forget_connections(self.app)
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.town, self.file)

    def do(self, verb: Verb) -> bool:
        """Let it happen, in a process of its own; a process that dies takes its session with it. False where there was
        nothing that it could happen to."""
        at = len(self.steps)
        self.steps.append("")
        self.let_pass(1)
        told = self._told(verb)
        if told == NOTHING:
            del self.steps[at:]
            return False
        self.steps[at] = f"{'  ' * self.depth}{verb.__name__}: {told}"
        if self.broke:
            raise Finding(self.broke[0])
        return True

    def _told(self, verb: Verb) -> str:
        with self.app.app_context():
            try:
                return verb(self)
            except ANSWERS as answer:
                return f"{type(answer).__name__} {getattr(answer, 'code', answer)}"
            except Killed as death:
                return f"killed at {death}"
            except Finding:
                raise
            except Exception as error:
                self.broke.append(f"{verb.__name__} raised {type(error).__name__}: {error}")
                return self.broke[-1]
            finally:
                db.session.remove()

    def quietly(self, work: Callable[[], T]) -> T:
        """Ask or act outside any life: no fate strikes."""
        fate, self.fate = self.fate, None
        try:
            with self.app.app_context():
                return work()
        finally:
            self.fate = fate

    def pick(self, of: Sequence[T]) -> T:
        """Raises Refusal where there is nothing to choose from."""
        if not of:
            raise Refusal("nothing_there", "Nothing there.")
        return of[self.rng.randrange(len(of))]

    def often(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def key(self) -> str:
        self.keys += 1
        return f"form-{self.keys}"

    def some(self, most: int) -> int:
        """An amount up to `most`: often all of it, sometimes more."""
        if self.often(40):
            return most
        return self.rng.randint(1, max(most, 1)) if self.often(90) else most + 1

    def let_pass(self, seconds: float) -> None:
        """Time goes on, or back, for every process."""
        self.clock.shift(timedelta(seconds=seconds))
        self._passed[0] += seconds

    def fated(self, fate: Fate) -> None:
        self.fate = fate
        self.app.config["FAILPOINT"] = fate.point

    @property
    def boss(self) -> User:
        return db.session.query(User).order_by(User.id).first()  # type: ignore[return-value]

    @property
    def second(self) -> User:
        return db.session.query(User).order_by(User.id.desc()).first()  # type: ignore[return-value]

    def strike(self, point: str) -> None:
        """A failpoint, or a commit, was reached."""
        fate = self.fate
        if fate is None or fate.point != point:
            return
        if fate.after > 0:
            fate.after -= 1
            return
        self.fate = None
        if fate.for_real:
            os.kill(os.getpid(), signal.SIGKILL)
        if fate.meanwhile is None:
            raise Killed(point)
        self.depth += 1
        try:
            self.do(fate.meanwhile)
        finally:
            self.depth -= 1

    def die(self, verb: Verb, fate: Fate) -> str:
        """Let it happen in a real process, which a real SIGKILL ends where its fate is; nothing is cleared up."""
        _forget_connections(self.app)
        before = self._passed[0]
        child = os.fork()
        if child == 0:
            self._live_and_die(verb, fate)
        status = os.waitpid(child, 0)[1]
        self.clock.shift(timedelta(seconds=self._passed[0] - before))
        killed = os.WIFSIGNALED(status)
        self.kills += killed
        self.keys += 100  # the forms that it sent
        if not killed and os.WEXITSTATUS(status) == IDLE:
            self.pick(())
        if not killed and os.WEXITSTATUS(status):
            self.broke.append(f"{verb.__name__} broke in a process of its own, before {fate.point}")
        return f"{verb.__name__}, {'killed' if killed else 'not killed'} at {fate.point} after {fate.after}"

    def _live_and_die(self, verb: Verb, fate: Fate) -> None:
        code = 1
        try:
            self.fated(fate)
            code = IDLE if self._told(verb) == NOTHING else len(self.broke)
        finally:
            os._exit(code)

    def post(self, address: str, body: bytes, headers: dict[str, str]) -> int | None:
        """The way of an event from the processor to a web process, which may die over it."""
        from app.commands.payments import notices

        with self.app.app_context():
            try:
                notices.take_in(address.rpartition("/")[2], body, headers)
            except BadNotice:
                return 400
            except Killed:
                return None
            finally:
                db.session.remove()
        return 200


class _Signals:
    """Stands in for `os` at the failpoints, where the process would be killed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def getpid(self) -> int:
        return 0

    def kill(self, pid: int, what: signal.Signals) -> None:
        fate = self._world.fate
        if fate is not None:
            self._world.strike(fate.point)


def _forget_connections(app: Flask) -> None:
    db.session.remove()
    db.engine.dispose()
    kept = app.extensions.get(books.EXTENSION)
    if kept is not None:  # the engine itself is kept: it has compiled what the sandbox asks
        kept[1].dispose()


@contextmanager
def living(template: Path, folder: Path) -> Iterator[World]:
    """The world, with its clock stopped; `template` is a migrated, empty file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "countersign.sqlite3"
    shutil.copy(template, file)
    app = make_app(f"sqlite:///{file}", folder, SANDBOX=True)
    before = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(BIRTH, tick=False) as clock:
        world = World(app, folder / "town.sqlite3", clock)
        _settle_town(app, file, world.town)
        patch.setitem(app.extensions, post.EXTENSION, world.post)
        patch.setattr(failpoints, "os", _Signals(world))
        patch.setattr(rendering, "page", lambda kind, content: "")
        patch.setattr(rendering, "to_pdf", lambda html, identifier, xml=None: (b"%PDF-1.7", 1))
        structlog.configure(processors=[_listener(world)])
        hear = _commits(world)
        event.listen(Engine, "commit", hear)
        try:
            yield world
        finally:
            event.remove(Engine, "commit", hear)
            structlog.configure(**before)
            with app.app_context():
                _forget_connections(app)


def _settle_town(app: Flask, file: Path, town: Path) -> None:
    """Who is there before anything happens: the seller, two who may do everything, customers of two currencies."""
    with app.app_context():
        factories.user(Role.ADMIN)
        factories.tax_code()
        for currency in ("EUR", "EUR", "KWD"):
            factories.account(currency=currency)
        factories.user(Role.ADMIN)
        assert db.session.query(Account).count() == 3
        end_read()
        _forget_connections(app)
    shutil.copy(file, town)


def _listener(world: World) -> Callable[..., Any]:
    """What sweeps, jobs and steps swallow and only log, is heard all the same."""

    def hear(logger: Any, method: str, told: dict[str, Any]) -> Any:
        error = told.get("exc_info")
        if method == "error" and isinstance(error, Exception) and not isinstance(error, ANSWERS):
            world.broke.append(f"{told['event']}: {type(error).__name__}: {error}")
        raise structlog.DropEvent

    return hear


def _commits(world: World) -> Callable[[Any], None]:
    def reached(connection: Any) -> None:
        if connection.get_execution_options().get(WRITE):
            world.strike("commit")

    return reached
