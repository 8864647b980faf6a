"""Sending, reminding, taking back, booking and cancelling from the page: asked first, refused in place."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from sqlalchemy import select

from app import settings
from app.access import Role
from app.commands.orders import approvals
from app.db import db, transaction
from app.models import Approval, Due, Instalment, OrderEmail, SalesOrder, Setting, User
from app.states.mail import MailEvent
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT, fresh, pay
from tests.conftest import Client


def minted(page: str) -> str:
    found = re.search(r'name="form_key"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_the_preflight_says_who_what_and_until_when(browser_of_dana: Client, order: SalesOrder) -> None:
    dialog = browser_of_dana.get(f"/orders/{order.number}/approval/new", headers=FRAGMENT).text
    for words in ("€410.55", "€41.06", "paid by card in the same flow", "Maria Keller, maria", "Link lives until"):
        assert words in dialog


def test_sending_answers_with_what_changed(browser_of_dana: Client, order: SalesOrder) -> None:
    dialog = browser_of_dana.get(f"/orders/{order.number}/approval/new", headers=FRAGMENT).text
    data = {
        "contact_id": str(order.contact_id),
        "edition": str(order.edition),
        "message": "Dear Maria",
        "form_key": minted(dialog),
    }
    for _ in range(2):
        answer = browser_of_dana.post(f"/orders/{order.number}/approval", data=data, headers=FRAGMENT)
        assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="order-next"')
    assert "The approval mail is being prepared." in answer.text
    for region in ("order-head", "panel-summary", "panel-lines", "panel-payment", "panel-timeline", "rail-links"):
        assert f'hx-target="#{region}"' in answer.text
    assert db.session.scalars(select(Approval)).one().message == "Dear Maria"


def test_an_order_edited_meanwhile_is_not_sent_until_it_was_looked_at(
    browser_of_dana: Client, order: SalesOrder
) -> None:
    data = {"contact_id": str(order.contact_id), "edition": str(order.edition), "form_key": "k"}
    with transaction():
        db.session.get_one(SalesOrder, order.id).edition += 1
    path = f"/orders/{order.number}/approval"
    answers = [browser_of_dana.post(path, data=d, headers=FRAGMENT) for d in (data, data | {"edition": "0"})]
    assert [a.status_code for a in answers] == [409, 409]
    assert "was edited after you opened this" in answers[0].text and 'hx-target="#panel-lines"' in answers[0].text
    assert db.session.scalars(select(Approval)).all() == []
    seen = re.search(r'name="edition"[^>]*value="(\d+)"', answers[0].text)
    assert seen is not None
    assert browser_of_dana.post(path, data=data | {"edition": seen[1]}, headers=FRAGMENT).status_code == 200


def test_what_stands_in_the_way_is_said_and_the_button_is_off(browser_of_dana: Client, dana: User) -> None:
    order = factories.order(owner=dana, opportunity_id=None)
    with transaction():
        db.session.get_one(SalesOrder, order.id).account.hold_reason = "Two invoices overdue"
    dialog = browser_of_dana.get(f"/orders/{order.number}/approval/new", headers=FRAGMENT).text
    assert "Not linked; nothing is sent without it." in dialog and "Two invoices overdue" in dialog
    assert 'aria-disabled="true"' in dialog
    data = {"contact_id": str(order.contact_id), "edition": str(order.edition), "form_key": "k"}
    answer = browser_of_dana.post(f"/orders/{order.number}/approval", data=data, headers=FRAGMENT)
    assert answer.status_code == 409 and "The order has no opportunity" in answer.text
    assert "panel-lines" not in answer.text, "the dialog stays, with the reason in it"


def test_switched_off_a_salesperson_sees_why_and_cannot_send(client: Client) -> None:
    ann = factories.user(Role.SALESPERSON)
    order = factories.order(owner=ann)
    client.sign_in(ann)
    assert client.get(f"/orders/{order.number}/approval/new").status_code == 200
    with transaction() as session:
        session.merge(Setting(key=settings.SALESPEOPLE_SUBMIT.key, value=False))
    page = client.get(f"/orders/{order.number}").text
    assert "Salespeople may not send orders for approval at the moment." in page
    assert client.get(f"/orders/{order.number}/approval/new").status_code == 403
    data = {"contact_id": str(order.contact_id), "edition": str(order.edition), "form_key": "k"}
    assert client.post(f"/orders/{order.number}/approval", data=data).status_code == 403


def test_a_reminder_carries_the_same_link_once(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    with transaction():
        mail = db.session.scalars(select(OrderEmail)).one()
        mail.transition(MailEvent.CLAIM, by=actor(dana))
        mail.transition(MailEvent.DELIVER, by=actor(dana))
        db.session.scalars(select(Approval)).one().sent_at = mail.created_at
    dialog = browser_of_dana.get(f"/orders/{order.number}/approval/reminder", headers=FRAGMENT).text
    key = minted(dialog)
    statuses = [
        browser_of_dana.post(f"/orders/{order.number}/approval/reminder", data={"form_key": key}, headers=FRAGMENT)
        for _ in range(2)
    ]
    assert [s.status_code for s in statuses] == [200, 409] and "still on its way" in statuses[1].text
    assert len(db.session.scalars(select(OrderEmail)).all()) == 2


def actor(user: User):  # type: ignore[no-untyped-def]
    from app.models import Actor

    return Actor.of(user)


def test_there_is_nobody_to_remind_of_a_draft(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/approval/reminder", data={"form_key": "k"}, headers=FRAGMENT)
    assert answer.status_code == 409 and "The customer holds no approval link." in answer.text


def test_back_to_draft_with_a_reason(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    missing = browser_of_dana.post(f"/orders/{order.number}/draft", data={"reason": ""}, headers=FRAGMENT)
    assert missing.status_code == 422 and "Say why." in missing.text
    answer = browser_of_dana.post(f"/orders/{order.number}/draft", data={"reason": "Two more"}, headers=FRAGMENT)
    assert answer.status_code == 200 and "Ready to send" in answer.text
    assert fresh(order).status is OrderStatus.DRAFT
    refused = browser_of_dana.post(f"/orders/{order.number}/draft", data={"reason": "Again"}, headers=FRAGMENT)
    assert refused.status_code == 409 and "is not with the customer: it is draft" in refused.text


def test_booking_on_terms(browser_of_dana: Client, order: SalesOrder) -> None:
    refused = browser_of_dana.post(f"/orders/{order.number}/booking", headers=FRAGMENT)
    assert refused.status_code == 409 and "are due at signature" in refused.text
    with transaction():
        row = db.session.get_one(SalesOrder, order.id)
        row.instalments = [Instalment(position=1, percent=Decimal(100), due=Due.DELIVERY)]
    assert "Book on terms" in browser_of_dana.get(f"/orders/{order.number}").text
    assert browser_of_dana.post(f"/orders/{order.number}/booking", headers=FRAGMENT).status_code == 200
    assert fresh(order).status is OrderStatus.ACTIVATED


def test_an_order_on_terms_is_invoiced_from_its_page(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    path = f"/orders/{order.number}"
    assert "Issue invoice" not in browser_of_dana.get(path).text
    pay(order, dana)
    assert (
        "Issue invoice" in browser_of_dana.get(path).text and browser_of_dana.get(f"{path}/invoice").status_code == 403
    )
    clerk = browser_of_dana.sign_in(factories.user(Role.BILLING, email="bill@countersign.test"))
    assert "It bills €369.49, due in 14 days" in clerk.get(f"{path}/invoice").text
    issued = clerk.post(f"{path}/invoice", headers=FRAGMENT)
    assert issued.status_code == 200 and "INV-" in issued.text and "Issue invoice" not in issued.text
    assert "is invoiced already" in clerk.post(f"{path}/invoice", headers=FRAGMENT).text


def test_cancelling_names_the_order_and_the_consequence(browser_of_dana: Client, order: SalesOrder) -> None:
    dialog = browser_of_dana.get(f"/orders/{order.number}/cancellation", headers=FRAGMENT).text
    assert f"Cancel order {order.number} of Northfield Clinics" in dialog and "It cannot be undone." in dialog
    answer = browser_of_dana.post(f"/orders/{order.number}/cancellation", data={"reason": "Gone"})
    assert answer.status_code == 303
    page = browser_of_dana.get(f"/orders/{order.number}").text
    assert "The order is cancelled." in page and "Edit" not in page.split('id="panel-summary"')[1].split("</header>")[0]


def test_money_on_an_order_keeps_it_from_being_cancelled(
    browser_of_dana: Client, order: SalesOrder, dana: User
) -> None:
    pay(order, dana)
    answer = browser_of_dana.post(f"/orders/{order.number}/cancellation", data={"reason": "Gone"}, headers=FRAGMENT)
    assert answer.status_code == 409 and "cannot be cancelled any more" in answer.text


@pytest.mark.parametrize("path", ["draft", "booking", "cancellation", "approval/new"])
def test_asking_is_a_page_of_its_own_without_scripts(browser_of_dana: Client, order: SalesOrder, path: str) -> None:
    page = browser_of_dana.get(f"/orders/{order.number}/{path}").text
    assert "<html" in page and '<form method="post"' in page and "csrf_token" in page


def test_the_preview_is_made_when_asked_for(browser_of_dana: Client, order: SalesOrder) -> None:
    assert "Make the preview" in browser_of_dana.get(f"/orders/{order.number}/pdf").text
    answer = browser_of_dana.post(f"/orders/{order.number}/pdf", headers=FRAGMENT)
    assert answer.status_code == 200 and "is being made" in answer.text and 'hx-trigger="every' in answer.text
