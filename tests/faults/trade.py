"""What customers, staff and the processor do in a world: they sell, pay, move money, contest it and keep the books.

Each verb chooses what it acts on by the world's own dice, and tells in a few words what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app import clock
from app.commands.orders import approvals, order_edits, orders, signing
from app.commands.orders.order_edits import LineEdit
from app.commands.payments import (
    charges,
    collection,
    disputes,
    invoice_requests,
    movements,
    order_requests,
    payment_links,
    payment_orders,
)
from app.commands.payments.charges import Instrument
from app.commands.receivables import allocations, credit_notes, issuing, offline, write_offs
from app.commands.receivables.offline import Came
from app.commands.settlement import settlement
from app.db import db, end_read, get
from app.gateways.disputes import DisputePhase, Evidence
from app.gateways.sandbox import disputes as bank
from app.gateways.sandbox import movements as processor_moves
from app.gateways.sandbox import payouts, processor
from app.gateways.sandbox.cards import BY_SLUG
from app.gateways.sandbox.tables import (
    ChargeState,
    InstructionState,
    SandboxCharge,
    SandboxDispute,
    SandboxInstruction,
    SandboxPayout,
)
from app.models import (
    Account,
    Actor,
    Approval,
    Attempt,
    CollectionMethod,
    CreditReason,
    Dispute,
    Invoice,
    Movement,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    Receipt,
    ReceiptKind,
    Route,
    SalesOrder,
    Transaction,
    TransactionAction,
)
from app.money import Money
from app.queries import ledger
from app.queries.payments import shares
from app.queries.receivables import figures
from app.states.approval import ApprovalStatus
from app.states.attempt import OPEN, AttemptStatus
from app.states.intent import IntentStatus
from app.states.movement import MovementStatus
from app.states.order import OrderStatus
from tests import factories
from tests.faults.world import World

A = TransactionAction
GATEWAY = "sandbox"
SLUGS = ["visa", "visa", "visa", "mastercard", "confirm", "confirm-once", "confirm-declined", "declines-later"]
SLUGS += ["lost-answer", "lost-request", "declined", "lost"]
REFERENCE = "W"


def chosen(w: World, model: Any, *conditions: Any) -> Any:
    """One of the rows, with no read left open. Raises Refusal where there is none."""
    ids = db.session.scalars(select(model.id).where(*conditions).order_by(model.id)).all()
    end_read()
    return get(model, w.pick(ids))


def card(w: World) -> Instrument:
    known = BY_SLUG[w.pick(SLUGS)]
    save = w.often(25)
    return Instrument(
        alias=known.alias(12, 2031),
        label=f"{known.brand} ending {known.last4}",
        save=save,
        consent_text="May be kept." if save else None,
    )


def instrument(w: World, account_id: int) -> Instrument:
    saved = select(PaymentMethod.id).where(PaymentMethod.account_id == account_id).order_by(PaymentMethod.id)
    ids = db.session.scalars(saved).all()
    return Instrument(method_id=w.pick(ids)) if ids and w.often(50) else card(w)


# Selling


def order(w: World) -> str:
    customer = chosen(w, Account)
    lines = [factories.line(n, unit_price=Decimal(w.rng.randint(1, 400))) for n in range(1, w.rng.randint(1, 2) + 1)]
    deposit = w.pick((None, None, "10", "30"))
    row = factories.order(owner=w.boss, customer=customer, lines=lines, deposit_percent=deposit)
    return f"{row.number} of {row.account_id}, deposit {deposit}"


def submit(w: World) -> str:
    row = chosen(w, SalesOrder, SalesOrder.status == OrderStatus.DRAFT)
    return f"{approvals.submit(row.id, form_key=w.key(), by=w.boss).status} {row.number}"


def sign(w: World) -> str:
    row = chosen(w, Approval, Approval.status == ApprovalStatus.PENDING)
    sha256, edition = row.snapshot.sha256, row.order.edition
    signing.sign(row.id, factories.hand(row), sha256=sha256, edition=edition)
    return row.order.number


def edit(w: World) -> str:
    """Back to draft, and something else is sold."""
    row = chosen(w, SalesOrder)
    if row.status is not OrderStatus.DRAFT:
        row = orders.convert_to_draft(row.id, because="Changed", by=w.boss)
    edits = [
        LineEdit(
            quantity=Decimal(w.rng.randint(1, 3)),
            unit_price=line.unit_price,
            discount_percent=line.discount_percent,
            description=line.description,
            routing=line.routing,
            activation_date=line.activation_date,
            line_id=line.id,
        )
        for line in row.lines
    ]
    return f"{order_edits.edit_lines(row.id, edits, edition=row.edition, by=w.boss).edition} {row.number}"


def cancel(w: World) -> str:
    row = chosen(w, SalesOrder)
    return f"{orders.cancel(row.id, because='Called off', by=w.boss).status} {row.number}"


def book(w: World) -> str:
    row = chosen(w, SalesOrder, SalesOrder.status == OrderStatus.DRAFT)
    return f"{orders.book(row.id, by=w.boss).status} {row.number}"


def request(w: World) -> str:
    """Now and then for what is left of a line by its name."""
    row = chosen(w, SalesOrder)
    named = [share for share in shares.of_order(row) if share.left] if w.often(25) else []
    if named:
        line = w.pick(named)
        return _asked_for(w, row, line.left, order_requests.create, line_ids=[line.line_id])
    return _asked_for(w, row, payment_orders.left_to_request(row), order_requests.create)


def _asked_for(w: World, row: Any, left: Money, create: Callable[..., PaymentOrder], **lines: Any) -> str:
    """By the rules or by a route that was chosen."""
    route = {"route_id": chosen(w, Route).id} if w.often(20) else {}
    end_read()
    made = create(
        row.id,
        **lines,
        **route,
        amount=left if lines else Money(w.some(left.minor), row.currency),
        purpose="Another part",
        due_date=None,
        collection=CollectionMethod.PAYMENT_LINK,
        contact_id=None,
        form_key=w.key(),
        by=w.boss,
    )
    return f"{made.number} of {row.number}, {made.amount}"


def bill(w: World) -> str:
    row = chosen(w, SalesOrder)
    return f"{issuing.on_terms(row.id, by=w.boss).number} of {row.number}"


def ask_for_invoice(w: World) -> str:
    row = chosen(w, Invoice)
    return _asked_for(w, row, invoice_requests.left(row), invoice_requests.create)


def send_link(w: World) -> str:
    row = chosen(w, PaymentOrder)
    payment_links.send(row.id, form_key=w.key(), by=w.boss)
    return row.number


# Paying


def pay(w: World) -> str:
    """Staff charge a card; now and then the button is pressed twice, or the form is sent again later."""
    first = w.often(60)
    row: SalesOrder | PaymentOrder = chosen(w, SalesOrder if first else PaymentOrder)
    collect: Callable[..., Attempt] = collection.collect_first if first else collection.collect
    target, key, means = row.id, w.key(), instrument(w, row.account_id)
    attempt = collect(target, pay_with=means, form_key=key, by=w.boss)
    told = f"{attempt.status} {attempt.payment_order.number} {attempt.amount}"
    if w.often(20):
        again = collect(target, pay_with=means, form_key=key, by=w.boss)
        assert again.id == attempt.id, "the same form is another attempt"
    return told


def customer_pays(w: World) -> str:
    """By the approval's own checkout, or by whatever link is live; the page may close before the gateway is called."""
    if w.often(60):
        intent = signing.checkout(chosen(w, Approval, Approval.status == ApprovalStatus.SIGNED).id)
    else:
        intent = chosen(w, PaymentIntent, PaymentIntent.status == IntentStatus.LIVE)
    means = instrument(w, intent.payment_order.account_id)
    attempt = charges.start(intent.id, pay_with=means, form_key=w.key(), by=Actor.customer("Maria Keller"))
    if w.often(15):
        return f"{attempt.payment_order.number}, and the page was closed"
    return f"{charges.execute(attempt.id).status} {attempt.payment_order.number} {attempt.amount}"


def confirm(w: World) -> str:
    """The cardholder answers the bank, and comes back, or is never seen again."""
    row = chosen(w, Attempt, Attempt.status == AttemptStatus.REQUIRES_ACTION)
    end_read()
    answer = processor.confirm(GATEWAY, row.provider_id or "", approved=w.often(75))
    return f"{answer['state']}, {charges.resume(row.id).status if w.often(60) else 'not seen again'}"


def give_up(w: World) -> str:
    row = chosen(w, Attempt, Attempt.status == AttemptStatus.REQUIRES_ACTION)
    return str(collection.give_up(row.id, by=w.boss).status)


def ask(w: World) -> str:
    return str(collection.ask_gateway(chosen(w, Attempt, Attempt.status.in_(OPEN)).id, by=w.boss).status)


def bank_settles(w: World) -> str:
    """A charge that was pending ends."""
    row = chosen(w, SandboxCharge, SandboxCharge.state == ChargeState.PENDING)
    code = None if w.often(70) else "card_declined"
    end_read()
    return str(processor.settle(GATEWAY, row.ref, decline_code=code)["state"])


# Moving money


def capture(w: World) -> str:
    row = chosen(w, Transaction, Transaction.action == A.AUTHORIZE)
    amount = Money(w.some(row.amount), row.currency)
    done = movements.capture(row.id, amount=amount, form_key=w.key(), by=w.boss)
    return f"{done.status} {amount.minor} of {row.provider_id[-6:]}"


def void(w: World) -> str:
    row = chosen(w, Transaction, Transaction.action == A.AUTHORIZE)
    return f"{movements.void(row.id, because='Not needed', form_key=w.key(), by=w.boss).status} {row.provider_id[-6:]}"


def refund(w: World) -> str:
    row = chosen(w, Transaction, Transaction.action.in_((A.CHARGE, A.CAPTURE)))
    amount, key = Money(w.some(row.amount), row.currency), w.key()
    done = movements.refund(row.id, amount=amount, because="Returned", form_key=key, by=w.boss)
    if w.often(15):
        again = movements.refund(row.id, amount=amount, because="Returned", form_key=key, by=w.boss)
        assert again.id == done.id, "the same form is another refund"
    return f"{done.status} {amount.minor} of {row.provider_id[-6:]}"


def decide_refund(w: World) -> str:
    row = chosen(w, Movement, Movement.status == MovementStatus.REQUESTED)
    if w.often(70):
        return str(movements.approve(row.id, by=w.second).status)
    return str(movements.refuse(row.id, because="No", by=w.second).status)


def refund_by_hand(w: World) -> str:
    """Somebody refunds in the processor's own pages."""
    row = chosen(w, SandboxCharge, SandboxCharge.captured > 0)
    amount = Money(w.some(row.captured), row.currency)
    end_read()
    return f"{processor_moves.refund_by_hand(GATEWAY, row.ref, amount)['state']} {amount.minor}"


def end_refund(w: World) -> str:
    """A pending refund arrives, or one comes back."""
    ends = (InstructionState.PENDING, InstructionState.SUCCEEDED)
    row = chosen(w, SandboxInstruction, SandboxInstruction.kind == "refund", SandboxInstruction.state.in_(ends))
    code = "account_closed" if w.often(40) else None
    end_read()
    return str(processor_moves.end_refund(GATEWAY, row.ref, error_code=code)["state"])


def contest(w: World) -> str:
    row = chosen(w, SandboxCharge, SandboxCharge.captured > 0)
    amount = None if w.often(50) else Money(w.some(row.captured), row.currency)
    end_read()
    facts = bank.open_one(GATEWAY, row.ref, amount=amount, inquiry=w.often(20))
    return f"{facts.amount.minor} of {row.ref[-6:]}"


def bank_decides(w: World) -> str:
    row = chosen(w, SandboxDispute)
    lost = row.phase is DisputePhase.LOST
    end_read()
    if lost and w.often(60):
        return f"appeal, {bank.appeal(GATEWAY, row.ref).phase}"
    if w.often(20):
        return str(bank.escalate(GATEWAY, row.ref).phase)
    return str(bank.decide(GATEWAY, row.ref, won=w.often(50), fee_back=w.often(30)).phase)


def answer_dispute(w: World) -> str:
    row = chosen(w, Dispute)
    if w.often(70):
        words = Evidence({"uncategorized_text": "It was delivered."}, {})
        return str(disputes.answer(row.id, words, by=w.boss).status)
    return str(disputes.accept(row.id, because="Their money", by=w.boss).status)


# Receivables


def _came(w: World, minor: int, currency: str) -> Came:
    return Came(ReceiptKind.WIRE, Money(minor, currency), f"{REFERENCE}-{w.key()}", clock.today(factories.ZONE))


def money_comes(w: World) -> str:
    """A wire, for a payment order, an invoice, or nothing in particular."""
    way = w.pick(("payment order", "invoice", "account"))
    if way == "payment order":
        asked = chosen(w, PaymentOrder)
        minor = w.some(ledger.figures([asked.id])[asked.id].balance)
        row = offline.for_payment_order(asked.id, _came(w, minor, asked.currency), form_key=w.key(), by=w.boss)
    elif way == "invoice":
        bill = chosen(w, Invoice)
        minor = w.some(figures.of_invoice(bill.id).due)
        row = offline.for_invoice(bill.id, _came(w, minor, bill.currency), form_key=w.key(), by=w.boss)
    else:
        customer = chosen(w, Account)
        came = _came(w, w.rng.randint(1, 50_000), customer.currency)
        row = offline.for_account(customer.id, came, form_key=w.key(), by=w.boss)
    return f"{row.number} for {way}, {row.amount}"


def bounce(w: World) -> str:
    row = chosen(w, Receipt, Receipt.kind != ReceiptKind.GATEWAY, Receipt.amount > 0)
    day = clock.today(factories.ZONE)
    return offline.reverse(row.id, because="Bounced", on=day, form_key=w.key(), by=w.boss).number


def apply(w: World) -> str:
    row = chosen(w, Receipt, Receipt.amount > 0)
    bill = chosen(w, Invoice, Invoice.account_id == row.account_id)
    amount = Money(w.some(max(figures.unapplied(row.root_id), 1)), row.currency)
    end_read()
    allocations.apply(row.id, bill.id, amount=amount, form_key=w.key(), by=w.boss)
    return f"{amount.minor} of {row.number} to {bill.number}"


def take_off(w: World) -> str:
    """Or move it to another invoice."""
    row = chosen(w, Receipt, Receipt.amount > 0)
    pays = sorted(figures.applied(row.root_id).items())
    end_read()
    bill_id, most = w.pick(pays)
    facts: dict[str, Any] = {"because": "Meant for another", "form_key": w.key(), "by": w.boss}
    amount = Money(w.some(most), row.currency)
    if w.often(50):
        target = chosen(w, Invoice, Invoice.account_id == row.account_id)
        allocations.move(row.id, bill_id, target.id, amount=amount, **facts)
        return f"{amount.minor} of {row.number} to {target.number}"
    allocations.take_off(row.id, bill_id, amount=amount, **facts)
    return f"{amount.minor} of {row.number}"


def pay_out(w: World) -> str:
    row = chosen(w, Receipt, Receipt.amount > 0)
    amount = Money(w.some(max(figures.unapplied(row.root_id), 1)), row.currency)
    end_read()
    facts: dict[str, Any] = {"on": clock.today(factories.ZONE), "because": "Too much", "form_key": w.key()}
    allocations.pay_out(row.id, amount=amount, kind=ReceiptKind.WIRE, reference=w.key(), by=w.boss, **facts)
    return f"{amount.minor} of {row.number}"


def credit(w: World) -> str:
    row = chosen(w, Invoice)
    amount = Money(w.some(row.gross), row.currency)
    facts: dict[str, Any] = {"reason": CreditReason.PRICE, "note": "", "form_key": w.key(), "by": w.boss}
    return f"{credit_notes.for_amount(row.id, amount=amount, **facts).gross} of {row.number}"


def write_off(w: World) -> str:
    row = chosen(w, Invoice)
    return f"{write_offs.write_off(row.id, because='Lost', form_key=w.key(), by=w.boss).amount} of {row.number}"


# Settlement


def payout(w: World) -> str:
    end_read()
    if w.often(20):
        ref = chosen(w, SandboxPayout).ref
        end_read()
        payouts.fail(GATEWAY, ref)
        return f"failed {ref[-6:]}"
    return str(len(payouts.pay_out(GATEWAY)))


def sync(w: World) -> str:
    return str(settlement.sync(_gateway_id(w)))


def _gateway_id(w: World) -> int:
    found: int = chosen(w, Route).gateway_id
    end_read()
    return found
