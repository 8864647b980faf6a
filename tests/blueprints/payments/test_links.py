"""Payment links from the preflight: everything on one screen, confirmed once; sent again, revoked."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app import clock, jobs, links
from app.access import Role
from app.commands.payments import payment_links
from app.db import db, transaction
from app.models import Contact, IntentPurpose, OrderEmail, PaymentIntent, PaymentOrder, User
from app.states.intent import IntentStatus
from tests import factories
from tests.blueprints.payments.conftest import FRAGMENT, key_in
from tests.commands.collecting import fresh, hold
from tests.commands.collecting import request as request_payment
from tests.conftest import Client


def preflight(browser: Client, due: PaymentOrder) -> str:
    return browser.get(f"/payments/{due.number}/send-link").text


def confirm(browser: Client, due: PaymentOrder, key: str | None = None):  # type: ignore[no-untyped-def]
    key = key or key_in(preflight(browser, due))
    return browser.post(f"/payments/{due.number}/send-link", data={"form_key": key})


def intents() -> list[PaymentIntent]:
    db.session.rollback()
    return list(db.session.scalars(select(PaymentIntent).where(PaymentIntent.purpose == IntentPurpose.LINK)))


def mails() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(OrderEmail.kind == "payment_link")) or 0


def test_the_preflight_tells_everything_and_writes_nothing(browser: Client, due: PaymentOrder) -> None:
    contact = fresh(due).contact
    page = preflight(browser, due)
    for words in (
        "Send a payment link",
        "€100.00",
        "Second instalment",
        "At once",
        "by payment link",
        "Link lives until",
        contact.email,
        "contact of the payment order",
        "Cards at Sandbox takes EUR.",
        "Please pay €100.00",
    ):
        assert words in page
    assert intents() == [] and mails() == 0


def test_the_preview_is_the_mail_with_its_link_withheld(browser: Client, due: PaymentOrder) -> None:
    answer = browser.get(f"/payments/{due.number}/send-link/preview")
    assert "here is your link to pay €100.00" in answer.text
    assert links.PLACEHOLDER in answer.text and "/pay/" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy and policy.endswith("sandbox")
    sent = confirm(browser, due)
    assert sent.status_code == 303
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).one()
    assert words(mail.html) == words(answer.text)


def words(html: str) -> list[str]:
    """What is read; the minute of the expiry may have turned between preview and mail."""
    return [w for w in re.sub(r"<[^>]+>|\d\d:\d\d", " ", html).split() if w]


def test_confirming_sends_once_and_goes_back_to_the_order(browser: Client, due: PaymentOrder) -> None:
    key = key_in(preflight(browser, due))
    for _ in range(2):
        answer = confirm(browser, due, key)
        assert (answer.status_code, answer.location) == (303, f"/orders/{fresh(due).order.number}#panel-payment")
    assert (len(intents()), mails()) == (1, 1)
    assert "Payment link on its way to maria" in browser.get(f"/orders/{due.order.number}").text


def test_sending_again_keeps_the_link_and_shows_how_the_last_mail_fared(browser: Client, due: PaymentOrder) -> None:
    confirm(browser, due)
    waiting = confirm(browser, due)
    assert waiting.status_code == 409
    assert "The mail with this link is on its way" in waiting.text
    db.session.rollback()
    jobs.run_due(raising=False)
    page = preflight(browser, due)
    assert "Send the payment link again" in page and "the same link, 5 tries left" in page and "Sent" in page
    assert confirm(browser, due).status_code == 303
    assert (len(intents()), mails()) == (1, 2)


def test_blocks_are_said_with_who_can_help_and_nothing_leaves(browser: Client, due: PaymentOrder) -> None:
    key = key_in(preflight(browser, due))
    hold(due.account_id)
    page = preflight(browser, due)
    assert "is on hold: Invoice dispute." in page and "Billing or AR can release the hold." in page
    assert 'aria-disabled="true"' in page
    answer = confirm(browser, due, key)
    assert answer.status_code == 409 and answer.text.count("is on hold: Invoice dispute.") == 1
    assert mails() == 0


def test_without_anybody_to_write_to_there_is_no_preview(browser: Client, due: PaymentOrder) -> None:
    with transaction() as session:
        session.get_one(Contact, due.contact_id).email = "maria at northfield"
    page = preflight(browser, due)
    assert "Nobody yet. Choose a contact on the order." in page and "mail-frame" not in page
    assert browser.get(f"/payments/{due.number}/send-link/preview").status_code == 404


def test_warnings_do_not_block(browser: Client, due: PaymentOrder, dana: User) -> None:
    other = request_payment(fresh(due).order, dana, minor=5_000, due_date=clock.today(factories.ZONE))
    payment_links.send(other.id, form_key="other", by=dana)
    with transaction() as session:
        session.get_one(Contact, due.contact_id).email = "new@northfield.test"
    page = preflight(browser, due)
    assert f"{other.number} over €50.00 can be paid at the same time." in page
    assert "No mail of this order has gone to new@northfield.test yet; check it." in page
    assert confirm(browser, due).status_code == 303


def dialog(browser: Client, due: PaymentOrder, action: str, current: str, data: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    path, headers = f"/payments/{due.number}/{action}", FRAGMENT | {"HX-Current-URL": f"http://localhost{current}"}
    return browser.post(path, data=data, headers=headers) if data is not None else browser.get(path, headers=headers)


def test_a_link_is_sent_again_from_a_dialog(browser: Client, due: PaymentOrder, dana: User) -> None:
    gone = dialog(browser, due, "link/mail", f"/payments/{due.number}", {"form_key": "k1"})
    assert gone.status_code == 409 and "There is no live link to send again." in gone.text
    payment_links.send(due.id, form_key="k", by=dana)
    db.session.rollback()
    jobs.run_due(raising=False)
    asked = dialog(browser, due, "link/mail", f"/payments/{due.number}")
    assert "The same link goes to maria" in asked.text
    answer = dialog(browser, due, "link/mail", f"/payments/{due.number}", {"form_key": key_in(asked.text)})
    assert answer.status_code == 200 and answer.text.lstrip().startswith('<div id="payment-order"')
    assert (len(intents()), mails()) == (1, 2)


def test_revoking_asks_for_a_reason_and_answers_the_page_that_asked(
    browser: Client, due: PaymentOrder, dana: User
) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    order_page = f"/orders/{due.order.number}"
    asked = dialog(browser, due, "link/revocation", order_page).text
    assert "Revoke the link for €100.00" in asked and 'hx-target="#panel-payment"' in asked
    assert "<html" not in asked
    missing = dialog(browser, due, "link/revocation", order_page, {"reason": " "})
    assert missing.status_code == 422 and "Say why." in missing.text
    answer = dialog(browser, due, "link/revocation", order_page, {"reason": "Wrong amount"})
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="panel-payment"')
    for region in ("order-next", "order-head", "panel-summary", "panel-timeline"):
        assert f'<hx-partial hx-target="#{region}"' in answer.text
    assert "The link is revoked" in answer.headers["HX-Trigger"]
    assert intents()[0].status is IntentStatus.REVOKED
    again = dialog(browser, due, "link/revocation", order_page, {"reason": "Again"})
    assert again.status_code == 409 and "This link is already revoked." in again.text


def test_dialogs_are_pages_of_their_own_without_scripts(browser: Client, due: PaymentOrder, dana: User) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    home = f"/payments/{due.number}"
    page = browser.get(f"{home}/link/revocation?next={home}").text
    assert "<html" in page and f'href="{home}"' in page
    answer = browser.post(f"{home}/link/revocation?next={home}", data={"reason": "Wrong amount"})
    assert (answer.status_code, answer.location) == (303, home)
    told = browser.get(home).text
    assert "The link is revoked" in told and "Wrong amount" in told


def test_withdrawing_a_payment_order(browser: Client, due: PaymentOrder) -> None:
    home = f"/payments/{due.number}"
    asked = dialog(browser, due, "cancellation", home).text
    assert f"Withdraw {due.number} over €100.00" in asked and 'hx-target="#payment-order"' in asked
    assert dialog(browser, due, "cancellation", home, {"reason": ""}).status_code == 422
    answer = dialog(browser, due, "cancellation", home, {"reason": "They pay by wire"})
    assert answer.status_code == 200 and "This payment order is cancelled." in answer.text
    again = dialog(browser, due, "cancellation", home, {"reason": "Again"})
    assert again.status_code == 409 and "is cancelled already" in again.text


@pytest.mark.parametrize("action", ["send-link", "link/mail", "link/revocation", "cancellation"])
def test_links_need_their_permission_and_the_order(client: Client, due: PaymentOrder, action: str) -> None:
    path = f"/payments/{due.number}/{action}"
    client.sign_in(factories.user(Role.READ_ONLY))
    assert client.get(path).status_code == client.post(path).status_code == 403
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(path).status_code == client.post(path).status_code == 404


def test_a_link_opened_after_revoking_says_so(client: Client, due: PaymentOrder, dana: User) -> None:
    payment_links.send(due.id, form_key="k", by=dana)
    (intent,) = intents()
    address = f"/pay/{links.mint('pay', intent.public_id, intent.generation)}"
    assert client.get(address).status_code == 200
    payment_links.revoke(intent.id, because="Wrong amount", by=dana)
    dead = client.get(address)
    assert dead.status_code == 410 and "withdrawn by the sender" in dead.text
