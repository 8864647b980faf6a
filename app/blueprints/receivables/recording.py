"""Money that came offline is recorded here, on a payment order, an invoice or an account; and taken back."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import offline
from ...commands.receivables.offline import Came
from ...errors import Refusal
from ...formatting import money
from ...models import Receipt, ReceiptKind
from ...money import CURRENCIES, Money
from ...navigation import company
from ...queries import accounts
from ...queries.calendar import selling_day
from ...queries.invoices import page as invoices
from ...queries.payments.facts import load
from ...queries.receivables import money as found_money
from . import answers, bp
from .forms import CameForm, ReverseForm

Record = Callable[[Came, str], Receipt]
COMMON = ("EUR", "USD", "GBP", "CHF", "JPY")


@bp.get("/payment-orders/<payment_order>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_payment_order_form(payment_order: str) -> Response:
    collection = load(payment_order, me())
    return _form(_form_of(collection.balance), *_on_payment_order(payment_order))


@bp.post("/payment-orders/<payment_order>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_payment_order(payment_order: str) -> Response:
    collection = load(payment_order, me())
    record: Record = lambda came, key: offline.for_payment_order(  # noqa: E731
        collection.row.id, came, form_key=key, by=me()
    )
    return _record(CameForm(), [collection.source.row.currency], record, *_on_payment_order(payment_order))


def _on_payment_order(number: str) -> tuple[str, str, str]:
    title = _("Record offline money on %(number)s", number=number)
    action = url_for("receivables.for_payment_order", payment_order=number, next=answers.home("") or None)
    return title, action, url_for("payments.show", number=number)


@bp.get("/invoices/<invoice>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_invoice_form(invoice: str) -> Response:
    view = invoices.view(invoice, me(), selling_day())
    return _form(_form_of(view.balance), *_on_invoice(invoice))


@bp.post("/invoices/<invoice>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_invoice(invoice: str) -> Response:
    view = invoices.view(invoice, me(), selling_day())
    record: Record = lambda came, key: offline.for_invoice(view.id, came, form_key=key, by=me())  # noqa: E731
    return _record(CameForm(), [view.gross.currency], record, *_on_invoice(invoice))


def _on_invoice(number: str) -> tuple[str, str, str]:
    title = _("Record offline money on invoice %(number)s", number=number)
    return title, url_for("receivables.for_invoice", invoice=number), url_for("invoices.show", number=number)


@bp.get("/accounts/<account>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_account_form(account: str) -> Response:
    found = accounts.entity(account)
    form = CameForm(formdata=None, currency=found.currency)
    _offer(form, _all(found.currency))
    return _form(form, *_on_account(account, found.name))


@bp.post("/accounts/<account>/receipts/new")
@requires(Permission.RECEIPT_RECORD)
def for_account(account: str) -> Response:
    found = accounts.entity(account)
    record: Record = lambda came, key: offline.for_account(found.id, came, form_key=key, by=me())  # noqa: E731
    return _record(CameForm(), _all(found.currency), record, *_on_account(account, found.name))


def _on_account(number: str, name: str) -> tuple[str, str, str]:
    title = _("Record money from %(name)s", name=name)
    back = url_for("receivables.statement", account=number)
    return title, url_for("receivables.for_account", account=number, next=answers.home("") or None), back


@bp.get("/receipts/<receipt>/return")
@requires(Permission.RECEIPT_RECORD)
def returned_form(receipt: str) -> Response:
    page = found_money.one(receipt, company().time_zone)
    return _form(_form_of(-page.head.unapplied), *_on_receipt(page.head.number))


@bp.post("/receipts/<receipt>/return")
@requires(Permission.RECEIPT_RECORD)
def returned(receipt: str) -> Response:
    page = found_money.one(receipt, company().time_zone)
    record: Record = lambda came, key: offline.returned(page.id, came, form_key=key, by=me())  # noqa: E731
    return _record(CameForm(), [page.head.amount.currency], record, *_on_receipt(page.head.number))


def _on_receipt(number: str) -> tuple[str, str, str]:
    title = _("Record what came back of %(number)s", number=number)
    return title, url_for("receivables.returned", receipt=number), url_for("receivables.receipt", receipt=number)


def _all(first: str) -> list[str]:
    return list(dict.fromkeys((first, company().currency, *COMMON)))


def _form_of(due: Money) -> CameForm:
    form = CameForm(formdata=None, amount=due.major if due.minor > 0 else None, currency=due.currency)
    _offer(form, [due.currency])
    return form


def _offer(form: CameForm, currencies: list[str]) -> None:
    form.currency.choices = [(code, code) for code in currencies]


def _record(form: CameForm, currencies: list[str], record: Record, title: str, action: str, back: str) -> Response:
    _offer(form, currencies)
    came = _came(form) if form.validate() else None
    if came is None:
        return _form(form, title, action, back, status=422)
    try:
        receipt = record(came, form.key)
    except Refusal as refusal:
        return _form(form, title, action, back, refusal, refusal.status)
    said = _("%(amount)s is recorded as receipt %(number)s.", amount=money(receipt.money), number=receipt.number)
    return answers.done(back, said)


def _came(form: CameForm) -> Came | None:
    currency = form.currency.data if form.currency.data in CURRENCIES else company().currency
    amount = form.money(currency)
    if amount is None or form.received_on.data is None:
        return None
    kind = ReceiptKind(form.kind.data)
    return Came(kind, amount, form.reference.data or "", form.received_on.data, form.note.data or "")


def _form(
    form: CameForm, title: str, action: str, back: str, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return answers.dialog(
        back,
        status,
        form=form,
        refusal=refusal,
        title=title,
        consequence=_("It counts as paid at once, and the customer gets a receipt by mail."),
        submit=_("Record it"),
        action=action,
    )


@bp.get("/receipts/<receipt>/reversal")
@requires(Permission.RECEIPT_RECORD)
def reverse_form(receipt: str) -> Response:
    return _reverse(receipt, ReverseForm(formdata=None))


@bp.post("/receipts/<receipt>/reversal")
@requires(Permission.RECEIPT_RECORD)
def reverse(receipt: str) -> Response:
    page, form = found_money.one(receipt, company().time_zone), ReverseForm()
    if not form.validate() or form.on.data is None:
        return _reverse(receipt, form, status=422)
    try:
        offline.reverse(page.id, because=form.reason.data or "", on=form.on.data, form_key=form.key, by=me())
    except Refusal as refusal:
        return _reverse(receipt, form, refusal, refusal.status)
    return answers.done(
        url_for("receivables.receipt", receipt=page.head.number), _("It is taken back; what it paid is owed again.")
    )


def _reverse(receipt: str, form: ReverseForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    page = found_money.one(receipt, company().time_zone)
    never = _("The money never arrived, such as a cheque that bounced. Invoices that it paid are open again.")
    return answers.dialog(
        url_for("receivables.receipt", receipt=page.head.number),
        status,
        form=form,
        refusal=refusal,
        title=_("Reverse receipt %(number)s over %(amount)s", number=page.head.number, amount=money(page.head.amount)),
        consequence=" ".join(x for x in (never, _owed(page)) if x),
        submit=_("Reverse it"),
        action=url_for("receivables.reverse", receipt=page.head.number),
        danger=True,
    )


def _owed(page: found_money.ReceiptPage) -> str:
    out = -Money(sum(row.amount.minor for row in page.left), page.head.amount.currency)
    if out.minor <= 0:
        return ""
    return _("%(amount)s of it was paid out: the customer owes that, and finance is told.", amount=money(out))
