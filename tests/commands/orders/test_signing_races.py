"""The customer signs while somebody else moves the order: one wins, on both databases; each race has its control."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.orders import approvals, orders, signing
from app.db import db, end_read
from app.errors import Refusal
from app.models import Approval, SalesOrder, Signature, User
from app.states.approval import ApprovalStatus
from app.states.order import OrderStatus
from tests import factories
from tests.commands.payments.test_charge_races import without_locks
from tests.racing import meet, race, refused

pytestmark = pytest.mark.engines


@pytest.fixture
def manager(any_app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


@pytest.fixture
def approval(manager: User) -> Approval:
    order = factories.order(owner=manager, deposit_percent="0")
    approval = approvals.submit(order.id, by=manager)
    assert approval.snapshot.sha256
    end_read()
    return approval


def sign(approval: Approval) -> Callable[[], Any]:
    id, seen = approval.id, {"sha256": approval.snapshot.sha256, "edition": approval.snapshot.edition}
    hand = factories.hand(approval)
    end_read()
    return lambda: signing.sign(id, hand, **seen)


def signatures() -> int:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalar(select(func.count(Signature.id))) or 0


def order_status() -> OrderStatus:
    return db.session.scalars(select(SalesOrder.status)).one()


def test_signed_in_four_tabs_is_signed_once(any_app: Flask, approval: Approval) -> None:
    results = race(any_app, [sign(approval)] * 4)
    assert [r for r in results if isinstance(r, Exception)] == []
    assert signatures() == 1
    assert order_status() is OrderStatus.ACTIVATED


def test_control_without_locks_four_tabs_go_wrong(
    any_app: Flask, approval: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    met, refuse_dead = threading.Barrier(4), signing._refuse_dead

    def together(approval: Approval, order: SalesOrder) -> None:
        refuse_dead(approval, order)
        meet(met)

    for module in (signing, approvals):
        monkeypatch.setattr(module, "lock", unheld)
    monkeypatch.setattr(signing, "_refuse_dead", together)
    with without_locks(any_app, monkeypatch):
        results = race(any_app, [sign(approval)] * 4)
    broke = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)]
    assert broke or signatures() > 1


def test_a_signature_and_a_decline_cannot_both_win(any_app: Flask, approval: Approval) -> None:
    id = approval.id
    results = race(any_app, [sign(approval), lambda: signing.decline(id, reason="No")])
    assert len(refused(results)) == 1
    if signatures():
        assert order_status() is OrderStatus.ACTIVATED
    else:
        assert order_status() is OrderStatus.DRAFT
        assert db.session.get_one(Approval, id).status is ApprovalStatus.DECLINED


def test_a_signature_and_a_conversion_to_draft_cannot_both_win(
    any_app: Flask, approval: Approval, manager: User
) -> None:
    id, order_id, manager_id = approval.id, approval.order_id, manager.id
    end_read()

    def taken_back() -> SalesOrder:
        return orders.convert_to_draft(order_id, because="A mistake", by=db.session.get_one(User, manager_id))

    results = race(any_app, [sign(approval), taken_back])
    assert len(refused(results)) == 1
    if signatures():
        assert order_status() is OrderStatus.ACTIVATED
    else:
        assert order_status() is OrderStatus.DRAFT
        assert db.session.get_one(Approval, id).status is ApprovalStatus.REVOKED


def test_submitted_twice_at_once_is_one_submission(any_app: Flask, manager: User) -> None:
    order_id, manager_id = factories.order(owner=manager).id, manager.id
    end_read()

    def submit(form_key: str) -> Approval:
        return approvals.submit(order_id, form_key=form_key, by=db.session.get_one(User, manager_id))

    results = race(any_app, [lambda k=k: submit(f"form {k % 2}") for k in range(4)])
    assert refused(results) == ["not_a_draft"] * 2
    db.session.rollback()
    assert db.session.scalar(select(func.count(Approval.id))) == 1
