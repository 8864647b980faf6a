"""A page as people with different screens, themes and eyes meet it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playwright.sync_api import Page, ViewportSize

from app.config import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# What hangs on colours and sizes; axe-core's other rules find the same in every theme and at every width.
BY_SIGHT = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
# Transitions jump to their end, those too that a change of colours begins only with the next frame; what turns for ever
# has none to wait for.
SETTLED = """async () => {
    for (const _frame of [1, 2]) {
        await new Promise(requestAnimationFrame);
        document.getAnimations().forEach(running => {
            if (running.effect.getComputedTiming().endTime !== Infinity) running.finish();
        });
    }
}"""
# A browser notes an answer like 409 in its console by itself; that is not a fault of the page.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


class Console:
    """Everything the page complained about."""

    def __init__(self, page: Page) -> None:
        self.lines: list[str] = []
        page.on("console", lambda m: self.note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.note(str(error)))

    def note(self, line: str) -> None:
        if not EXPECTED.match(line):
            self.lines.append(line)


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA and its own best practice, or by `rules` alone.

    Needs a context with bypass_csp.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    # What is right need not be told, node by node; frames are sandboxed, and looked into by tests of their own pages.
    options: dict[str, object] = {"resultTypes": ["violations"], "iframes": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{v['id']}: {v['nodes'][0]['target']}" for v in found]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def look(page: Page) -> None:
    """The page as it stands is accessible and fits: on a desk in the light, and on a phone in the dark."""
    before = page.viewport_size
    for see in SIGHTS:
        see(page)
    _look_away(page, before)


def walk(page: Page, addresses: Iterable[str]) -> None:
    """Each of the pages is accessible and fits, and none has anything to complain about.

    One is met on a desk and carried home on a phone, the next the other way round, which turns each screen only once.
    """
    console, before, sights = Console(page), page.viewport_size, SIGHTS
    for address in addresses:
        page.goto(address)
        for see in sights:
            see(page)
        assert console.lines == [], address
        sights = sights[::-1]
    _look_away(page, before)


def _look_away(page: Page, before: ViewportSize | None) -> None:
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)


def _on_a_desk(page: Page) -> None:
    _fits(page, 1440)
    page.emulate_media(color_scheme="light")
    page.evaluate(SETTLED)
    _clean(page)


def _on_a_tablet(page: Page) -> None:
    _fits(page, 1024)


def _on_a_phone(page: Page) -> None:
    _fits(page, 390)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate(SETTLED)
    page.evaluate("scrollTo(0, 0)")  # what the bar at the top covers now can be scrolled from under it
    _clean(page, *BY_SIGHT)


SIGHTS = (_on_a_desk, _on_a_tablet, _on_a_phone)


def _fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert fits(page), (page.url, width)


def _clean(page: Page, *rules: str) -> None:
    found = violations(page, *rules)
    assert found == [], (page.url, found)
