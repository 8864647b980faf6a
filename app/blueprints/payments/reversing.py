"""Capturing and voiding authorizations, refunding captures: asked for here, decided by a second person where needed."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Row

from ...access import Permission, can, me, requires
from ...badges import badge_of
from ...commands.payments import movements as commands
from ...db import get
from ...errors import NotFound, Refusal
from ...formatting import money
from ...models import Movement, PaymentOrder
from ...money import Money
from ...queries import ledger
from ...queries.payments import waiting_refunds as queue
from ...queries.payments.facts import Collection, load
from ...states.movement import MovementStatus
from . import answers, bp
from .forms import AmountForm, DecisionForm, ReasonForm, RefundForm, VoidForm

ADDRESS = "/payments/<number>/transactions/<int:transaction_id>"


@bp.get(ADDRESS + "/capture")
@requires(Permission.PAYMENT_CAPTURE)
def capture_form(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    return _capture(collection, row, AmountForm(formdata=None, amount=_may_take(collection, row).major))


@bp.post(ADDRESS + "/capture")
@requires(Permission.PAYMENT_CAPTURE)
def capture(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    form = AmountForm()
    wanted = form.money(row.currency) if form.validate() else None
    if wanted is None:
        return _capture(collection, row, form, status=422)
    try:
        done = commands.capture(transaction_id, amount=wanted, form_key=form.key, by=me())
    except Refusal as refusal:
        return _capture(*_owning(number, transaction_id), form, refusal, refusal.status)
    return _done(collection, done)


def _capture(
    collection: Collection, row: Row[Any], form: AmountForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    most = _may_take(collection, row)
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Capture up to %(amount)s on %(number)s", amount=money(most), number=collection.number),
        consequence=_less_than_held(row, most)
        + _("The card is charged. What you leave out is let go and cannot be captured later."),
        submit=_("Capture"),
        action=_action("payments.capture", collection, row),
    )


@bp.get(ADDRESS + "/void")
@requires(Permission.PAYMENT_VOID)
def void_form(number: str, transaction_id: int) -> Response:
    return _void(*_owning(number, transaction_id), VoidForm(formdata=None))


@bp.post(ADDRESS + "/void")
@requires(Permission.PAYMENT_VOID)
def void(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    form = VoidForm()
    if not form.validate():
        return _void(collection, row, form, status=422)
    try:
        done = commands.void(transaction_id, because=form.reason.data or "", form_key=form.key, by=me())
    except Refusal as refusal:
        return _void(*_owning(number, transaction_id), form, refusal, refusal.status)
    return _done(collection, done)


def _void(
    collection: Collection, row: Row[Any], form: VoidForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_(
            "Void the authorization of %(amount)s on %(number)s", amount=money(_held(row)), number=collection.number
        ),
        consequence=_(
            "The customer's bank lets the money go, and they are told. To be paid, it must be collected anew."
        ),
        submit=_("Void the authorization"),
        action=_action("payments.void", collection, row),
        danger=True,
    )


@bp.get(ADDRESS + "/refund")
@requires(Permission.PAYMENT_REFUND)
def refund_form(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    return _refund(collection, row, _allowed(RefundForm(formdata=None, amount=collection.reversals.left(row).major)))


@bp.post(ADDRESS + "/refund")
@requires(Permission.PAYMENT_REFUND)
def refund(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    form = _allowed(RefundForm())
    wanted = form.money(row.currency) if form.validate() else None
    if wanted is None:
        return _refund(collection, row, form, status=422)
    try:
        done = commands.refund(
            transaction_id,
            amount=wanted,
            because=form.reason.data or "",
            form_key=form.key,
            by=me(),
            credit_note="credit" in form and form.credit.data,
        )
    except Refusal as refusal:
        return _refund(*_owning(number, transaction_id), form, refusal, refusal.status)
    return _done(collection, done)


def _allowed(form: RefundForm) -> RefundForm:
    """Without the question about a credit note for those who may not issue one."""
    if not can(Permission.CREDIT_NOTE_ISSUE):
        del form.credit
    return form


def _refund(
    collection: Collection, row: Row[Any], form: RefundForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    left, whole = collection.reversals.left(row), Money(row.transaction_amount, row.currency)
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Refund up to %(amount)s on %(number)s", amount=money(left), number=collection.number),
        consequence=_(
            "It goes back to %(card)s, the customer gets a mail, and what it paid is owed again. Of %(whole)s captured,"
            " %(left)s is left to refund.",
            card=row.card_label or _("the card"),
            whole=money(whole),
            left=money(left),
        ),
        submit=_("Refund"),
        action=_action("payments.refund", collection, row),
        danger=True,
    )


@bp.get("/payments/refunds")
@requires(Permission.REFUND_APPROVE, Permission.PAYMENT_REFUND)
def waiting_refunds() -> str:
    """Refunds above the limit that wait for a second person."""
    return render_template("payments/waiting_refunds.html", rows=queue.view(me()))


@bp.get("/payments/<number>/movements/<int:movement_id>/approval")
@requires(Permission.REFUND_APPROVE)
def approve_refund_form(number: str, movement_id: int) -> Response:
    return _approve(*_movement(number, movement_id), DecisionForm(formdata=None))


@bp.post("/payments/<number>/movements/<int:movement_id>/approval")
@requires(Permission.REFUND_APPROVE)
def approve_refund(number: str, movement_id: int) -> Response:
    collection, row = _movement(number, movement_id)
    form = DecisionForm()
    if not form.validate():
        return _approve(collection, row, form, status=422)
    try:
        done = commands.approve(movement_id, by=me())
    except Refusal as refusal:
        return _approve(*_movement(number, movement_id), form, refusal, refusal.status)
    return _done(collection, done)


def _approve(
    collection: Collection, row: Row[Any], form: DecisionForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    amount = money(Money(row.amount, row.currency))
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Approve the refund of %(amount)s on %(number)s", amount=amount, number=collection.number),
        consequence=_("%(who)s asked for it: %(why)s. It is sent at once.", who=row.actor_name, why=row.reason)
        + (" " + _("A credit note is issued once it has succeeded.") if row.credit_note else ""),
        submit=_("Approve and send"),
        action=_decision("payments.approve_refund", collection, row),
    )


@bp.get("/payments/<number>/movements/<int:movement_id>/refusal")
@requires(Permission.REFUND_APPROVE, Permission.PAYMENT_REFUND)
def refuse_refund_form(number: str, movement_id: int) -> Response:
    return _refuse(*_movement(number, movement_id), ReasonForm(formdata=None))


@bp.post("/payments/<number>/movements/<int:movement_id>/refusal")
@requires(Permission.REFUND_APPROVE, Permission.PAYMENT_REFUND)
def refuse_refund(number: str, movement_id: int) -> Response:
    collection, row = _movement(number, movement_id)
    form = ReasonForm()
    if not form.validate():
        return _refuse(collection, row, form, status=422)
    try:
        done = commands.refuse(movement_id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _refuse(*_movement(number, movement_id), form, refusal, refusal.status)
    return _done(collection, done)


def _refuse(
    collection: Collection, row: Row[Any], form: ReasonForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    amount = money(Money(row.amount, row.currency))
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Do not refund %(amount)s on %(number)s", amount=amount, number=collection.number),
        consequence=_("%(who)s asked for it: %(why)s. Nothing is sent.", who=row.actor_name, why=row.reason),
        submit=_("Do not refund"),
        action=_decision("payments.refuse_refund", collection, row),
        danger=True,
    )


@bp.post("/payments/<number>/movements/<int:movement_id>/question")
@requires(Permission.PAYMENT_ASK_GATEWAY)
def ask_movement(number: str, movement_id: int) -> ResponseReturnValue:
    """Ask the gateway now, instead of waiting for the clock to."""
    collection, _row = _movement(number, movement_id)
    done = commands.ask_gateway(movement_id, by=me())
    flash(_said(done), "ok")
    return redirect(answers.back(url_for("payments.show", number=collection.number)), 303)


def _owning(number: str, transaction_id: int) -> tuple[Collection, Row[Any]]:
    collection = load(number, me())
    for row in collection.attempts:
        if row.transaction_id == transaction_id:
            return collection, row
    raise NotFound(f"transaction {transaction_id} of {number}")


def _movement(number: str, movement_id: int) -> tuple[Collection, Row[Any]]:
    collection = load(number, me())
    for row in collection.reversals.movements:
        if row.id == movement_id:
            return collection, row
    raise NotFound(f"movement {movement_id} of {number}")


def _held(row: Row[Any]) -> Money:
    return Money(row.transaction_amount, row.currency)


def _may_take(collection: Collection, row: Row[Any]) -> Money:
    """As much of what is held as is still due."""
    return min(_held(row), Money(ledger.may_take(get(PaymentOrder, collection.row.id)), row.currency))


def _less_than_held(row: Row[Any], most: Money) -> str:
    if most == _held(row):
        return ""
    facts = {"held": money(_held(row)), "due": money(most), "rest": money(_held(row) - most)}
    return _("Of %(held)s held, %(due)s is still due; %(rest)s is let go.", **facts) + " "


def _action(endpoint: str, collection: Collection, row: Row[Any]) -> str:
    where = {"number": collection.number, "transaction_id": row.transaction_id}
    return url_for(endpoint, **where, next=answers.back("") or None)


def _decision(endpoint: str, collection: Collection, row: Row[Any]) -> str:
    return url_for(endpoint, number=collection.number, movement_id=row.id, next=answers.back("") or None)


def _done(collection: Collection, movement: Movement) -> Response:
    return answers.changed(collection, _said(movement))


def _said(movement: Movement) -> str:
    if movement.status is MovementStatus.FAILED:
        return _("It failed, and nothing was moved: %(why)s", why=movement.error or movement.error_code or "")
    word = badge_of("movement", movement.status).word.lower()
    return _("%(what)s of %(amount)s: %(status)s.", what=_name(movement), amount=money(movement.money), status=word)


def _name(movement: Movement) -> str:
    return {"capture": _("Capture"), "void": _("Void"), "refund": _("Refund")}[movement.action.value]
