"""Credit notes: what an issued invoice is taken back by, with its tax, numbered in a series of their own.

What of the invoice had been paid and is credited becomes unapplied cash; refunding it is a step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from ... import audit, clock, forms, numbering
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...formatting import money, percent
from ...logs import log
from ...models import (
    Account,
    Actor,
    Company,
    CreditNote,
    CreditNoteLine,
    CreditReason,
    Invoice,
    InvoiceLine,
    Receipt,
    User,
)
from ...money import Money, TaxTotal, Totals, next_part, round_half_up
from ...queries.receivables import credits, figures
from ...states.invoice import InvoiceStatus
from ..payments import lowering
from ..post import mails, papers
from . import invoices, receipts

Lines = list[tuple[InvoiceLine, int]]


def issue(
    invoice_id: int,
    *,
    amounts: Mapping[int, int],
    reason: CreditReason,
    note: str,
    form_key: str | None,
    by: User,
) -> CreditNote:
    """Credit so many minor units of each line, by its id, priced as the invoice is.

    Raises Refusal: `not_permitted`, `not_issued`, `credited`, `nothing_chosen`, `foreign_line`, `more_than_line`,
    `more_than_rate`, `written_off`, `payment_in_progress`, `key_reused`.
    """
    content = ["credit", invoice_id, sorted(amounts.items()), reason, note]
    with transaction():
        invoice = _begin(invoice_id, by)
        if (known := forms.answered(form_key, content)) is not None:
            return get(CreditNote, known["id"])
        _check_open(invoice)
        lines = _chosen(invoice, amounts)
        row = _write(invoice, lines, _taxes(invoice, lines), reason, note, by=Actor.of(by))
        lowering.lower(invoice, by=Actor.of(by), because=_words(row))
        forms.remember(form_key, content, id=row.id)
        return row


def for_amount(
    invoice_id: int, *, amount: Money, reason: CreditReason, note: str, form_key: str | None, by: User
) -> CreditNote:
    """Credit `amount`, tax included, spread over what is left of every line and rate; never more than is left.

    Raises Refusal: `not_permitted`, `not_issued`, `credited`, `nothing_chosen`, `written_off`, `payment_in_progress`,
    `key_reused`.
    """
    content = ["credit_amount", invoice_id, amount.minor, amount.currency, reason, note]
    with transaction():
        invoice = _begin(invoice_id, by)
        if (known := forms.answered(form_key, content)) is not None:
            return get(CreditNote, known["id"])
        _check_open(invoice)
        row = _of_amount(invoice, amount, reason, note, by=Actor.of(by))
        lowering.lower(invoice, by=Actor.of(by), because=_words(row))
        forms.remember(form_key, content, id=row.id)
        return row


def for_refund(invoice: Invoice, *, amount: Money, note: str, refund_id: int, by: Actor) -> CreditNote:
    """Inside a transaction, account locked; whoever asked for the refund was allowed to ask for the note."""
    return _of_amount(invoice, amount, CreditReason.RETURN, note, by=by, refund_id=refund_id)


def cancel(invoice: Invoice, *, note: str, by: Actor) -> CreditNote | None:
    """Credit all that is left of an invoice; None where it is written off. Inside a transaction, account locked."""
    left = Money(figures.of_invoice(invoice.id).creditable, invoice.currency)
    return _of_amount(invoice, left, CreditReason.CANCELLATION, note, by=by) if left else None


def weight(invoice: Invoice, amounts: Mapping[int, int]) -> Money:
    """What `of_undelivered` would credit, tax included; nothing is written."""
    lines = [(line, amounts[line.id]) for line in invoice.lines if amounts.get(line.id)]
    gross = sum(t.gross.minor for t in _taxes(invoice, lines))
    return Money(min(gross, figures.of_invoice(invoice.id).creditable), invoice.currency)


def of_undelivered(invoice: Invoice, amounts: Mapping[int, int], *, note: str, by: Actor) -> CreditNote:
    """Credit so many minor units of each line, by its id, of what will not be supplied; where less is left, since a
    part is written off, that. Inside a transaction, account locked."""
    lines = _chosen(invoice, amounts)
    taxes, most = _taxes(invoice, lines), weight(invoice, amounts)
    if sum(t.gross.minor for t in taxes) > most.minor:
        return _of_amount(invoice, most, CreditReason.CANCELLATION, note, by=by)
    return _write(invoice, lines, taxes, CreditReason.CANCELLATION, note, by=by)


def _words(row: CreditNote) -> str:
    return f"Credit note {row.number}"


def _begin(invoice_id: int, by: User) -> Invoice:
    demand(by, Permission.CREDIT_NOTE_ISSUE)
    lock(Account, get(Invoice, invoice_id).account_id)
    return lock(Invoice, invoice_id)


def _check_open(invoice: Invoice) -> None:
    if invoice.status is InvoiceStatus.DRAFT:
        raise Refusal("not_issued", "This invoice is not issued yet; there is nothing to credit.")
    if invoice.status is InvoiceStatus.CREDITED:
        raise Refusal("credited", "All of %(number)s is credited already.", number=invoice.number)


def credited_of(invoice_id: int) -> dict[int, int]:
    """Minor units of each line of the invoice that are credited, by the line's id."""
    rows = db.session.execute(
        select(CreditNoteLine.invoice_line_id, func.sum(CreditNoteLine.amount))
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(CreditNote.invoice_id == invoice_id)
        .group_by(CreditNoteLine.invoice_line_id)
    )
    return {line_id: int(amount) for line_id, amount in rows}


def left_of(invoice: Invoice) -> dict[int, int]:
    """Minor units of each line that are not credited yet, by the line's id."""
    done = credited_of(invoice.id)
    return {line.id: max(line.amount - done.get(line.id, 0), 0) for line in invoice.lines}


def rates_left(invoice: Invoice) -> dict[Decimal, int]:
    """Minor units of each tax rate that are not credited yet, priced as the lines are. Of a final invoice that is less
    than what its lines have left: the deposit invoices bill the rest, and are credited themselves."""
    done = credited_of(invoice.id)
    return credits.rates_left(
        invoice.tax_by_rate,
        [(line.tax_rate, done.get(line.id, 0)) for line in invoice.lines],
        included=invoice.prices_include_tax,
    )


def within(invoice: Invoice, amounts: Mapping[int, int]) -> dict[int, int]:
    """Of so much of each line, by its id, what this invoice bills: no more than a tax rate has left, spread over its
    lines."""
    left, found = rates_left(invoice), dict(amounts)
    for rate, most in left.items():
        own = [x.id for x in invoice.lines if x.tax_rate == rate and found.get(x.id)]
        if sum(found[id] for id in own) > most:
            shares = Money(most, invoice.currency).allocate([found[id] for id in own])
            found |= {id: share.minor for id, share in zip(own, shares, strict=True)}
    return found


def _chosen(invoice: Invoice, amounts: Mapping[int, int]) -> Lines:
    found = _of_lines(invoice, amounts)
    left = rates_left(invoice)
    for rate in {line.tax_rate for line, _ in found}:
        if sum(minor for line, minor in found if line.tax_rate == rate) > left.get(rate, 0):
            raise Refusal(
                "more_than_rate",
                "Only %(left)s of what is taxed at %(rate)s is billed by %(number)s and not credited yet.",
                "Enter no more than that, and credit the deposit invoices for the rest.",
                status=422,
                left=money(Money(left.get(rate, 0), invoice.currency)),
                rate=percent(rate),
                number=invoice.number,
            )
    return found


def _of_lines(invoice: Invoice, amounts: Mapping[int, int]) -> Lines:
    left, by_id = left_of(invoice), {line.id: line for line in invoice.lines}
    found: Lines = []
    for line_id, minor in amounts.items():
        if line_id not in by_id:
            raise Refusal("foreign_line", "This line is not on the invoice.", status=422)
        if minor > left[line_id] or minor < 0:
            raise Refusal(
                "more_than_line",
                "Only %(left)s of “%(line)s” is not credited yet.",
                "Enter no more than that.",
                status=422,
                left=money(Money(left[line_id], invoice.currency)),
                line=by_id[line_id].description,
            )
        if minor:
            found.append((by_id[line_id], minor))
    if not found:
        raise Refusal("nothing_chosen", "Enter what is credited of at least one line.", status=422)
    return found


def _whole(invoice: Invoice) -> Totals:
    by_rate = tuple(_tax_totals(invoice.tax_by_rate, invoice.currency))
    net, tax, gross = (Money(minor, invoice.currency) for minor in (invoice.net, invoice.tax, invoice.gross))
    return Totals(net, tax, gross, by_rate)


def _tax_totals(by_rate: list[dict[str, Any]], currency: str) -> list[TaxTotal]:
    return [TaxTotal(Decimal(t["rate"]), Money(t["base"], currency), Money(t["tax"], currency)) for t in by_rate]


def _credited(invoice: Invoice) -> list[TaxTotal]:
    notes = db.session.scalars(select(CreditNote.tax_by_rate).where(CreditNote.invoice_id == invoice.id))
    return [t for by_rate in notes for t in _tax_totals(by_rate, invoice.currency)]


def _taxes(invoice: Invoice, lines: Lines) -> list[TaxTotal]:
    """Rate by rate what the lines come to: tax on all that is then credited, by the invoice's own rule, less what was
    credited before, so that any number of notes add up to the invoice."""
    done = _credited(invoice)
    found = []
    for whole in _whole(invoice).by_rate:
        amount = sum(minor for line, minor in lines if line.tax_rate == whole.rate)
        if amount:
            before = [t for t in done if t.rate == whole.rate]
            found.append(_tax_of(invoice, whole, before, amount))
    return found


def _tax_of(invoice: Invoice, whole: TaxTotal, before: list[TaxTotal], amount: int) -> TaxTotal:
    base, tax = sum(t.base.minor for t in before), sum(t.tax.minor for t in before)
    included = invoice.prices_include_tax
    then = amount + base + (tax if included else 0)
    all_of_it = then >= (whole.gross.minor if included else whole.base.minor)
    exact = then * whole.rate / ((100 + whole.rate) if included else 100)
    after = whole.tax.minor if all_of_it else min(round_half_up(exact), whole.tax.minor)
    part = max(after - tax, 0)
    net = amount - part if included else amount
    return TaxTotal(whole.rate, Money(net, invoice.currency), Money(part, invoice.currency))


def _of_amount(
    invoice: Invoice, amount: Money, reason: CreditReason, note: str, *, by: Actor, refund_id: int | None = None
) -> CreditNote:
    part = next_part(_whole(invoice), _credited(invoice), amount)
    if not part.gross:
        raise Refusal("nothing_chosen", "Nothing of this invoice is left to credit.", status=422)
    left, lines = left_of(invoice), []
    for t in part.by_rate:
        own = [line for line in invoice.lines if line.tax_rate == t.rate and left[line.id]]
        priced = t.gross if invoice.prices_include_tax else t.base
        shares = priced.allocate([left[line.id] for line in own])
        lines += [(line, share.minor) for line, share in zip(own, shares, strict=True) if share]
    return _write(invoice, lines, list(part.by_rate), reason, note, by=by, refund_id=refund_id)


def _write(
    invoice: Invoice,
    lines: Lines,
    taxes: list[TaxTotal],
    reason: CreditReason,
    note: str,
    *,
    by: Actor,
    refund_id: int | None = None,
) -> CreditNote:
    net, tax = sum(t.base.minor for t in taxes), sum(t.tax.minor for t in taxes)
    standing = figures.of_invoice(invoice.id)
    if net + tax > standing.creditable:
        raise Refusal(
            "written_off",
            "Only %(left)s of %(number)s is neither credited nor written off.",
            "Enter no more than that.",
            status=422,
            left=money(Money(standing.creditable, invoice.currency)),
            number=invoice.number,
        )
    received = min(max(net + tax - standing.due, 0), standing.allocated)
    row = CreditNote(
        number=numbering.take("credit_note"),
        invoice_id=invoice.id,
        account_id=invoice.account_id,
        order_id=invoice.order_id,
        refund_id=refund_id,
        reason=reason,
        note=note.strip(),
        currency=invoice.currency,
        net=net,
        tax=tax,
        gross=net + tax,
        received=received,
        rounding_rule=invoice.rounding_rule,
        prices_include_tax=invoice.prices_include_tax,
        tax_by_rate=[{"rate": str(t.rate), "base": t.base.minor, "tax": t.tax.minor} for t in taxes],
        billing=invoice.billing,
        issued_on=clock.today(get(Company, 1).time_zone),
        issued_by=by.name,
        lines=[
            CreditNoteLine(
                invoice_line_id=line.id,
                position=n,
                sku=line.sku,
                description=line.description,
                tax_rate=line.tax_rate,
                amount=minor,
            )
            for n, (line, minor) in enumerate(lines, start=1)
        ],
    )
    db.session.add(row)
    db.session.flush()
    _free(invoice, received, row.number, by=by)
    invoices.settle(
        invoice,
        by=by,
        because=row.note or None,
        event="credited",
        note=row.number,
        amount=row.gross,
        currency=row.currency,
    )
    audit.note("credit_note.issue", row.number, by=by, after={"invoice": invoice.number, "amount": row.money})
    papers.invoice(invoice)
    _tell(row, by=by)
    return row


def _free(invoice: Invoice, minor: int, number: str, *, by: Actor) -> None:
    """What had been paid of what is credited, newest money first."""
    for root_id, amount in figures.paying(invoice.id).items():
        back = min(amount, minor)
        if back > 0:
            receipts.take_off(get(Receipt, root_id), invoice, back, by=by, because=number)
            minor -= back


def _tell(row: CreditNote, *, by: Actor) -> None:
    """Where nobody can be told, it is issued all the same."""
    paper = papers.credit_note(row)
    try:
        mails.credit_note(row, attachments=[paper.id], by=by)
    except Refusal as refusal:
        log.error("mail.nobody_to_tell", kind="credit_note", credit_note=row.number, because=refusal.code)
