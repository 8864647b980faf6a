"""A dispute of what an agreement collected: its page, and the pack that answers it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.agreements import charging
from app.commands.payments import evidence_packs
from app.commands.payments.disputes import Letter
from app.commands.payments.disputes import record as record_dispute
from app.db import db, end_read, transaction
from app.jobs import Later
from app.models import (
    CollectionMethod,
    Dispute,
    EvidencePack,
    Invoice,
    OrderEmail,
    PaymentAgreement,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.money import Money
from tests import factories, plans
from tests.blueprints.payments.conftest import charge_of, contested
from tests.conftest import Client


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


def test_a_dispute_of_it_has_a_page_and_is_answered_with_its_own_papers_alone(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    plans.by_hand(factories.account(), collection=CollectionMethod.PAYMENT_LINK)
    charging.run()
    jobs.run_due(raising=False)
    letter = Letter(Money(11900, "EUR"), "fraudulent", None, False, None)
    made = record_dispute(charge_of(asked).id, letter, form_key="d1", by=boss)
    told = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "dispute_opened")).one()
    assert told.recipients[0]["reason"] == "owner of the agreement"
    end_read()
    client.sign_in(boss)
    shown = client.get(f"/disputes/{made.number}").text
    assert f'href="/agreements/{agreement.number}"' in shown and asked.number in shown and "Evidence pack" not in shown
    answer = client.get(f"/disputes/{made.number}/answer").text
    assert "1 × Care desk" in answer and agreement.account.name in answer
    own = db.session.get_one(Invoice, asked.invoice_id).number
    others = db.session.scalars(select(Invoice.number).where(Invoice.order_id.is_(None), Invoice.number != own)).all()
    assert own and others and not any(f"{number}.pdf" in answer for number in others)
    assert made.number in client.get("/disputes/").text
    assert client.post(f"/disputes/{made.number}/evidence-packs").status_code == 409
    form = {"form_key": "d2", "product_description": "Care desk", "files": ["receipt"]}
    assert client.post(f"/disputes/{made.number}/answer", data=form).status_code == 303
    (went,) = db.session.scalars(select(Dispute.answered_with)).one()
    assert went.startswith("R-")


def handed_on(agreement: PaymentAgreement, boss: User) -> tuple[SalesOrder, User]:
    """An order of somebody else has made it; it belongs to a salesperson now."""
    order, mine = factories.order(owner=boss, customer=agreement.account), factories.user(Role.SALESPERSON)
    with transaction() as session:
        row = session.get_one(PaymentAgreement, agreement.id)
        row.order_id, row.owner_id = order.id, mine.id
    return order, mine


def test_a_dispute_packs_no_order_that_the_reader_does_not_see(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    order, mine = handed_on(agreement, boss)
    dispute = contested(asked, boss)
    home = f"/disputes/{dispute.number}"
    client.sign_in(mine)
    assert "Evidence pack" not in client.get(home).text
    assert client.post(f"{home}/evidence-packs").status_code == 409
    client.sign_in(boss)
    assert "Evidence pack" in client.get(home).text
    pack = client.post(f"{home}/evidence-packs").location
    assert "/evidence-packs/" in pack and client.get(pack).status_code == 200
    theirs = factories.user(Role.SALESPERSON)
    for owner, may in ((theirs, 404), (mine, 200)):
        with transaction() as session:
            session.get_one(SalesOrder, order.id).owner_id = owner.id
        assert client.sign_in(owner).get(pack).status_code == may
    assert "Evidence pack" in client.get(home).text


def test_the_pack_of_its_dispute_waits_for_its_papers_and_holds_its_mails(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    handed_on(agreement, boss)
    dispute = contested(asked, boss)
    assert client.sign_in(boss).post(f"/disputes/{dispute.number}/evidence-packs").status_code == 303
    pack_id = db.session.scalars(select(EvidencePack.id)).one()
    end_read()
    with pytest.raises(Later):
        evidence_packs.build(pack_id)
    end_read()
    for _twice in range(2):
        jobs.run_due(raising=False)
    evidence_packs.build(pack_id)
    names = [x["name"] for x in db.session.get_one(EvidencePack, pack_id).listing]
    number = db.session.get_one(Invoice, asked.invoice_id).number
    assert f"3-invoices/{number}.pdf" in names
    assert [name for name in names if name.startswith("4-receipts/")]
    assert [name[11:] for name in names if name.startswith("5-mails/")] == ["receipt.txt"]
    end_read()
