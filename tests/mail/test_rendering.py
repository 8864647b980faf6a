"""What mails say: every kind in text and HTML, with the placeholder where the link goes."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from app import clock, links
from app.mail import kinds
from app.mail.agreement_kinds import AgreementTold
from app.mail.kinds import Content
from app.mail.rendering import Bodies, render, with_link
from app.money import Money
from tests import factories

SAMPLES = {
    "name": "Maria Keller",
    "number": "SO-01042",
    "event": "made",
    "often": "monthly",
    "collected": "Visa ending 4242",
    "next_on": date(2026, 12, 5),
    "page": "/orders/SO-01042",
    "order": "SO-01042",
    "customer": "Northfield <Clinics> & Sons",
    "account": "Northfield <Clinics> & Sons",
    "person": "Maria Keller",
    "total": Money(4_821_000, "EUR"),
    "due_now": Money(1_446_300, "EUR"),
    "amount": Money(1_446_300, "EUR"),
    "open": Money(100_000, "EUR"),
    "due_on": date(2026, 12, 5),
    "last_day": date(2026, 12, 31),
    "purpose": "Deposit of 30 %",
    "message": "Could we have 12 terminals?\nThank you!",
    "reason": "The bank said <no>.",
    "card": "Visa ending in 4242",
    "paid_with": "Visa ending in 4242",
    "receipt": "RCT-00007",
    "what": "approval",
    "bills": "final",
    "payment_order": "PO-5001",
    "complete": False,
    "invoice": "INV-00007",
    "bill": "INV-00007",
    "received": Money(100_000, "EUR"),
    "bank_asks": True,
    "asked": True,
    "payable": True,
    "to_be_had": True,
    "late": 7,
    "team": "Finance",
    "lines": ("Money came late, SO-01042: <no>",),
    "ending": "pause",
    "month": "03/2027",
    "now": "The customer was mailed a link to pay.",
    "then": "The card is charged again on 1 Mar 2027.",
}


# Everything that these say is in their attachment; where money has gone back nothing is left to be opened.
COMPLETE = (
    *(kinds.InvoiceSent, kinds.CreditNoteSent, kinds.RefundSent, kinds.AuthorizationReleased),
    AgreementTold,
)


def sample(kind: type[Content]) -> Content:
    facts = SAMPLES | dict.fromkeys(("expires_at", "paid_at", "until", "due_by", "retry_at"), clock.now())
    return kind(**{name: facts[name] for name in kind.__struct_fields__})


def bodies(content: Content, link: str = links.PLACEHOLDER) -> Bodies:
    owner = factories.user(name="Dana Reyes")
    return render(content, company=factories.company(phone="+49 40 123456"), owner=owner, link=link)


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.kind)
def test_every_kind_says_the_same_in_text_and_in_html(app: Flask, kind: type[Content]) -> None:
    content = sample(kind)
    found = bodies(content)
    assert found.text.startswith(content.heading)
    linked = kind not in COMPLETE
    assert (links.PLACEHOLDER in found.text) is linked
    assert (f'href="{links.PLACEHOLDER}"' in found.html) is linked
    assert found.html.count("<h1>") == 1
    assert "\n\n\n" not in found.text
    for name in ("total", "due_now", "amount"):
        if hasattr(content, name):
            assert "€" in found.text and "€" in found.html


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.kind)
def test_what_people_typed_is_escaped(app: Flask, kind: type[Content]) -> None:
    html = bodies(sample(kind)).html
    assert "<no>" not in html
    assert "<Clinics>" not in html


def test_the_link_goes_in_wherever_its_place_is_held(app: Flask) -> None:
    html = bodies(sample(kinds.ApprovalRequest)).html
    real = with_link(html, "https://orders.example/approve/WyJh.Ab_-c")
    assert real.count("https://orders.example/approve/WyJh.Ab_-c") == 2
    assert links.PLACEHOLDER not in real


def test_the_heading_names_person_and_amount(app: Flask) -> None:
    factories.company()
    assert sample(kinds.ApprovalRequest).heading == "Maria, your order for €48,210.00 is ready to sign"


@pytest.mark.parametrize(("name", "greeted"), [("Maria Keller", "Maria"), ("Dr. Keller", "Dr. Keller"), ("", "")])
def test_people_are_greeted_by_their_first_name(name: str, greeted: str) -> None:
    assert kinds.first_name(name) == greeted


def test_nothing_is_said_of_payment_where_none_is_asked(app: Flask) -> None:
    content = kinds.ApprovalRequest("Maria Keller", "SO-1", Money(100, "EUR"), Money(0, "EUR"), clock.now())
    found = bodies(content)
    assert "pay" not in found.text.lower().replace("company", "")
    assert "Due when you sign" not in found.html


def test_every_kind_has_a_name(app: Flask) -> None:
    assert set(kinds.NAMES) == {kind.kind for kind in kinds.KINDS}
