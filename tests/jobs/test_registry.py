"""Whatever is staged has somebody to do it, and whoever registers is loaded."""

from __future__ import annotations

import re

import time_machine
from flask import Flask

from app.db import end_read
from app.jobs import registry
from tests.house.modules import sources

STAGED = re.compile(r"""\bjobs\.stage\(\s*["']([^"']+)["']""")
REGISTERS = re.compile(r"^@(?:jobs\.)?(?:handler|tick)\(", re.M)


def test_every_staged_kind_has_a_handler() -> None:
    staged = {kind for text in sources().values() for kind in STAGED.findall(text)}
    assert "mails.deliver" in staged
    assert {kind for kind in staged if registry.find(kind) is None} == set()


def test_every_module_that_registers_is_loaded() -> None:
    modules = {p.removesuffix(".py").replace("/", ".") for p, text in sources().items() if REGISTERS.search(text)}
    assert {m.removesuffix(".__init__") for m in modules} - {"app.jobs"} == set(registry.MODULES) - {"app.jobs"}


def test_what_the_clock_starts_finds_nothing_to_do_where_nothing_was_entered_yet(app: Flask) -> None:
    registry.load()
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=False):
        for tick in registry.ticks():
            tick.call()
            end_read()
