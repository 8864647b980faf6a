"""Sending an order to its customer, what the customer does with it, and what the switches do to both."""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, settings
from app.access import Role
from app.commands.orders import approvals, signing
from app.commands.payments import payment_links
from app.db import db, lock, transaction
from app.errors import Refusal
from app.models import (
    Account,
    Approval,
    Contact,
    Due,
    History,
    Instalment,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    Setting,
    Signature,
    Snapshot,
    User,
)
from app.models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED
from app.queries.public.approval import Stage, by_link
from app.states.approval import ApprovalEvent, ApprovalStatus
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from tests import factories


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


@pytest.fixture
def order(seller: User) -> SalesOrder:
    return factories.order(owner=seller)


def fresh(row: Any) -> Any:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def sign(approval: Approval, **changes: Any) -> Approval:
    seen = {"sha256": approval.snapshot.sha256, "edition": approval.snapshot.edition}
    return signing.sign(approval.id, factories.hand(approval, title="Head", **changes), **seen)


def switch(definition: settings.Definition, value: bool) -> None:
    with transaction() as session:
        session.merge(Setting(key=definition.key, value=value))
    settings.forget()


def pay_later(order: SalesOrder) -> None:
    from decimal import Decimal

    with transaction():
        plan = [Instalment(position=1, percent=Decimal(100), due=Due.DELIVERY)]
        lock(SalesOrder, order.id).instalments = plan


def png(*, colour: bytes = b"\x17\x1a\x2b\xff", size: tuple[int, int] = (20, 10)) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    width, height = size
    rows = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tEXt", b"Comment\0hello"), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


# Submitting


def test_submitting_freezes_opens_the_checkout_and_stages_one_mail(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, message=" Please sign. ", by=seller)
    order = fresh(order)
    assert order.status is OrderStatus.AWAITING_APPROVAL
    assert approval.snapshot.edition == order.edition
    assert (approval.asks_payment, approval.by_salesperson, approval.message) == (True, True, "Please sign.")
    intent = db.session.scalars(select(PaymentIntent)).one()
    assert intent.amount == order.totals().gross.minor
    assert intent.payment_order_id == approval.payment_order_id
    mail = db.session.scalars(select(OrderEmail)).one()
    assert (mail.kind, mail.recipients[0]["address"]) == ("approval_request", approval.sent_to)
    assert approval.public_id not in mail.text + mail.html + mail.subject


def test_the_same_form_sends_once(order: SalesOrder, seller: User) -> None:
    first = approvals.submit(order.id, form_key="k", by=seller)
    assert approvals.submit(order.id, form_key="k", by=seller).id == first.id
    assert count(Approval) == count(Snapshot) == count(OrderEmail) == 1


def test_an_order_is_sent_only_once_by_two_forms(order: SalesOrder, seller: User) -> None:
    approvals.submit(order.id, form_key="a", by=seller)
    with pytest.raises(Refusal, match="not_a_draft"):
        approvals.submit(order.id, form_key="b", by=seller)


def test_a_link_never_outlives_its_quote(order: SalesOrder, seller: User) -> None:
    soon = clock.today(factories.ZONE) + timedelta(days=2)
    with transaction():
        lock(SalesOrder, order.id).quote.expires_on = soon  # type: ignore[union-attr]
    assert approvals.submit(order.id, by=seller).expires_at == clock.end_of_day(soon, factories.ZONE)


def _no_contact(order: SalesOrder) -> None:
    order.contact_id = None


def _bad_address(order: SalesOrder) -> None:
    db.session.get_one(Contact, order.contact_id).email = "maria at northfield"


def _no_quote(order: SalesOrder) -> None:
    order.quote_id = order.quote_number = order.quote_version = None


def _no_opportunity(order: SalesOrder) -> None:
    order.opportunity_id = None


def _no_lines(order: SalesOrder) -> None:
    order.lines = []


def _on_hold(order: SalesOrder) -> None:
    order.account.hold_reason = "Unpaid invoices"


def _old_quote(order: SalesOrder) -> None:
    order.quote.expires_on = clock.today(factories.ZONE) - timedelta(days=1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_no_contact, "no_contact"),
        (_bad_address, "address_invalid"),
        (_no_quote, "missing_quote"),
        (_no_opportunity, "missing_opportunity"),
        (_no_lines, "nothing_to_sell"),
        (_on_hold, "on_hold"),
        (_old_quote, "quote_expired"),
    ],
)
def test_what_is_not_ready_is_refused_by_name(order: SalesOrder, seller: User, spoil: Any, code: str) -> None:
    with transaction():
        spoil(lock(SalesOrder, order.id))
    with pytest.raises(Refusal) as refused:
        approvals.submit(order.id, by=seller)
    assert refused.value.code == code
    assert count(Approval) == count(Snapshot) == count(PaymentOrder) == count(OrderEmail) == 0


def test_a_contact_of_somebody_else_is_refused(order: SalesOrder, seller: User) -> None:
    stranger = factories.account().billing_contact_id
    with pytest.raises(Refusal, match="no_contact"):
        approvals.submit(order.id, contact_id=stranger, by=seller)


def test_the_first_switch_binds_salespeople_only(order: SalesOrder, seller: User) -> None:
    switch(settings.SALESPEOPLE_SUBMIT, False)
    with pytest.raises(Refusal, match="switched_off"):
        approvals.submit(order.id, by=seller)
    approval = approvals.submit(order.id, by=factories.user(Role.SALES_MANAGER))
    assert not approval.by_salesperson


def test_whoever_may_not_submit_is_refused(order: SalesOrder) -> None:
    with pytest.raises(Refusal, match="not_permitted"):
        approvals.submit(order.id, by=factories.user(Role.AR))


# Signing


def test_signing_waits_for_the_payment_that_belongs_to_it(order: SalesOrder, seller: User) -> None:
    approval = sign(approvals.submit(order.id, by=seller), ip="203.0.113.7", user_agent="Phone")
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL
    assert fresh(approval).status is ApprovalStatus.SIGNED
    row = db.session.scalars(select(Signature)).one()
    assert (row.typed, row.ip, row.user_agent) == ("Maria Keller", "203.0.113.7", "Phone")
    assert row.snapshot_sha256 == approval.snapshot.sha256
    assert row.viewed_at == row.signed_at
    assert payment_links.live_intent(approval.payment_order_id).status is IntentStatus.LIVE  # type: ignore[union-attr,arg-type]


def test_signing_what_asks_for_no_payment_books_and_activates(order: SalesOrder, seller: User) -> None:
    pay_later(order)
    approval = approvals.submit(order.id, by=seller)
    assert not approval.asks_payment
    sign(approval)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert count(PaymentOrder) == 0


def test_signing_twice_is_signing_once(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    sign(approval)
    sign(approval, name="Somebody Else")
    assert db.session.scalars(select(Signature.name)).one() == "Maria Keller"


@pytest.mark.parametrize("seen", [{"sha256": "0" * 64, "edition": 1}, {"edition": 2}])
def test_only_the_version_that_was_seen_can_be_signed(order: SalesOrder, seller: User, seen: dict[str, Any]) -> None:
    approval = approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="stale_snapshot"):
        signing.sign(approval.id, factories.hand(approval), **({"sha256": approval.snapshot.sha256} | seen))
    assert count(Signature) == 0


def test_an_expired_link_signs_nothing(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    with time_machine.travel(approval.expires_at, tick=False), pytest.raises(Refusal, match="link_dead"):
        sign(approval)


def test_a_hold_set_meanwhile_stops_the_signature_without_saying_why(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    with transaction():
        lock(Account, order.account_id).hold_reason = "Bad debts"
    with pytest.raises(Refusal, match="on_hold") as refused:
        sign(approval)
    assert "debts" not in str(refused.value) + refused.value.help


def test_a_drawing_is_kept_as_a_bare_picture(order: SalesOrder, seller: User) -> None:
    sign(approvals.submit(order.id, by=seller), drawn_png=png())
    row = db.session.scalars(select(Signature)).one()
    assert row.typed is None
    assert row.drawn_png is not None and b"hello" not in row.drawn_png


@pytest.mark.parametrize(
    "picture",
    [
        b"",
        b"GIF89a",
        png()[:-6],
        png().replace(b"hello", b"hullo"),
        png(colour=b"\0\0\0\0"),
        png(size=(3000, 10)),
        png() + b"x" * 400_000,
    ],
    ids=["nothing", "another kind", "cut short", "broken", "blank", "too wide", "too heavy"],
)
def test_a_bad_drawing_is_refused(order: SalesOrder, seller: User, picture: bytes) -> None:
    approval = approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="signature_picture"):
        sign(approval, drawn_png=picture)
    assert fresh(approval).status is ApprovalStatus.PENDING


def test_viewing_is_remembered_once(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    signing.mark_viewed(approval.id)
    first = fresh(approval).viewed_at
    signing.mark_viewed(approval.id)
    assert fresh(approval).viewed_at == first
    assert count_events("viewed") == 1


def count_events(event: str) -> int:
    return db.session.scalar(select(func.count(History.id)).where(History.event == event)) or 0


# Giving back


def test_declining_returns_the_order_and_tells_its_owner(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    signing.decline(approval.id, reason="Too expensive")
    order = fresh(order)
    assert (order.status, order.tags) == (OrderStatus.DRAFT, [TAG_CUSTOMER_DECLINED])
    assert fresh(approval).status is ApprovalStatus.DECLINED
    assert db.session.scalars(select(PaymentIntent.status)).one() is not IntentStatus.LIVE
    mail = db.session.scalars(select(OrderEmail).order_by(OrderEmail.id.desc())).first()
    assert mail is not None and mail.kind == "customer_declined" and "Too expensive" in mail.text
    assert mail.recipients[0]["address"] == seller.email


def test_asking_for_a_change_returns_the_order_even_when_signed(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    sign(approval)
    signing.request_change(approval.id, message="Two more, please")
    order = fresh(order)
    assert (order.status, order.tags) == (OrderStatus.DRAFT, [TAG_CHANGE])
    again = approvals.submit(order.id, by=seller)
    assert fresh(order).tags == []
    assert again.id != approval.id
    with pytest.raises(Refusal, match="link_dead"):
        signing.decline(approval.id, reason="Old tab")


@pytest.mark.parametrize("words", ["", "  \n"])
def test_giving_back_without_words_is_refused(order: SalesOrder, seller: User, words: str) -> None:
    approval = approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="reason_missing"):
        signing.decline(approval.id, reason=words)
    with pytest.raises(Refusal, match="message_missing"):
        signing.request_change(approval.id, message=words)
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL


def test_closing_by_hand_kills_approval_and_checkout(order: SalesOrder, seller: User) -> None:
    from app.models import Actor

    approval = approvals.submit(order.id, by=seller)
    with transaction():
        approvals.close_live(lock(SalesOrder, order.id), ApprovalEvent.REVOKE, by=Actor.of(seller))
    assert fresh(approval).status is ApprovalStatus.REVOKED
    assert db.session.scalars(select(PaymentIntent.status)).one() is IntentStatus.REVOKED


# Another payer, a new link, a reminder


def test_the_payment_step_goes_to_somebody_else_once(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    with pytest.raises(Refusal, match="not_signed"):
        signing.forward_payment(approval.id, name="", email="boss@northfield.test")
    sign(approval)
    for _ in range(2):
        signing.forward_payment(approval.id, name="The Boss", email="boss@northfield.test")
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).one()
    assert [r["address"] for r in mail.recipients] == ["boss@northfield.test"]
    assert mail.link_kind == "pay"


def test_an_expired_checkout_of_a_signed_order_is_renewed(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    sign(approval)
    first = signing.checkout(approval.id)
    assert signing.checkout(approval.id).id == first.id
    with time_machine.travel(first.expires_at + timedelta(days=1), tick=False):
        renewed = signing.checkout(approval.id)
        assert renewed.id != first.id and renewed.expires_at > clock.now()


def test_what_is_paid_has_no_further_checkout(order: SalesOrder, seller: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the moment between the money and what follows from it, when the order still waits."""
    from app.commands.payments import charges, post_processing
    from app.commands.payments.charges import Instrument
    from app.models import Actor

    monkeypatch.setattr(post_processing, "run", lambda transaction_id: False)
    approval = approvals.submit(order.id, by=seller)
    sign(approval)
    card = Instrument(alias="sbx_card_visa_1230", label="Visa ending 4242")
    by = Actor.customer("Maria Keller")
    charges.execute(charges.start(signing.checkout(approval.id).id, pay_with=card, form_key="k", by=by).id)
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL
    with pytest.raises(Refusal, match="paid"):
        signing.checkout(approval.id)
    page = by_link(approval.public_id, approval.generation)
    assert page is not None and page.stage is Stage.DONE
    assert count(PaymentIntent) == 1


def test_asking_for_a_new_link_mails_the_owner_once_a_day(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    for _ in range(3):
        signing.request_new_link("approve", approval.public_id)
    signing.request_new_link("approve", "never-ours")
    kinds = db.session.scalars(select(OrderEmail.kind).order_by(OrderEmail.id)).all()
    assert kinds == ["approval_request", "new_link_requested"]


def test_reminding_sends_the_same_link_again(order: SalesOrder, seller: User) -> None:
    from app.states.mail import MailEvent

    approval = approvals.submit(order.id, by=seller)
    with transaction():
        mail = lock(OrderEmail, db.session.scalars(select(OrderEmail.id)).one())
        mail.transition(MailEvent.CLAIM, by=approvals.SYSTEM)
        mail.transition(MailEvent.DELIVER, by=approvals.SYSTEM)
    again = approvals.remind(approval.id, form_key="r", by=seller)
    assert again.resent_from_id == mail.id and again.link_public_id == approval.public_id


# The second switch


def test_payment_switched_off_before_signing_books_without_it(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    switch(settings.SALESPEOPLE_PAYMENT, False)
    sign(approval)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert db.session.scalars(select(PaymentIntent.status)).one() is IntentStatus.CANCELLED


def test_payment_switched_off_releases_what_was_signed_and_waits(order: SalesOrder, seller: User) -> None:
    approval = approvals.submit(order.id, by=seller)
    sign(approval)
    unsigned = factories.order(owner=seller)
    approvals.submit(unsigned.id, by=seller)
    by_manager = factories.order(owner=seller)
    sign(approvals.submit(by_manager.id, by=factories.user(Role.SALES_MANAGER)))
    switch(settings.SALESPEOPLE_PAYMENT, False)
    assert approvals.release_due() == 1
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert fresh(unsigned).status is OrderStatus.AWAITING_APPROVAL
    assert fresh(by_manager).status is OrderStatus.AWAITING_APPROVAL


def test_nothing_is_paid_past_the_signature_while_the_customer_has_the_order(seller: User) -> None:
    from app.commands.payments import order_requests
    from app.models import CollectionMethod
    from app.money import Money

    order = factories.order(owner=seller, deposit_percent="10")
    row = order_requests.create(
        order.id,
        amount=Money(5000, "EUR"),
        purpose="On delivery",
        due_date=None,
        collection=CollectionMethod.PAYMENT_LINK,
        contact_id=None,
        form_key="make",
        by=seller,
    )
    payment_links.send(row.id, form_key="send", by=seller)
    link = payment_links.live_intent(row.id)
    approvals.submit(order.id, by=seller)
    assert fresh(link).status is IntentStatus.REVOKED
