"""A browser in a customer's hand: what it complains about, how one signs and types a card."""

from __future__ import annotations

import re

from playwright.sync_api import FrameLocator, Page, expect

from app.config import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
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


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA and its own best practice; needs a context with bypass_csp."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['target']}" for v in found]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def draw(page: Page) -> None:
    """Three strokes in the box."""
    canvas = page.locator(".signature-pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for left in (20, 80, 140):
        page.mouse.move(box["x"] + left, box["y"] + 80)
        page.mouse.down()
        for step in range(1, 6):
            page.mouse.move(box["x"] + left + step * 8, box["y"] + 80 - step * 10)
        page.mouse.up()


def card_in(page: Page) -> FrameLocator:
    return page.frame_locator(".card-field iframe")


def type_card(page: Page, number: str, *, expiry: str = "1230", cvc: str = "123") -> None:
    frame = card_in(page)
    expect(frame.get_by_label("Card number")).to_be_visible()
    for label, text in (("Card number", number), ("Expiry", expiry), ("CVC", cvc)):
        frame.get_by_label(label).fill("")
        frame.get_by_label(label).press_sequentially(text)
