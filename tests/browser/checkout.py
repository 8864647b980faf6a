"""A browser in a customer's hand: how one signs and types a card."""

from __future__ import annotations

from playwright.sync_api import FrameLocator, Page, expect


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
