"""Unapplied cash is applied, moved, taken off and paid out here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import allocations
from ...errors import NotFound, Refusal
from ...formatting import money
from ...models import PayOut, Receipt, ReceiptKind
from ...money import Money
from ...navigation import company
from ...queries.calendar import selling_day
from ...queries.invoices import page as invoices
from ...queries.invoices.page import InvoiceView
from ...queries.receivables import money as found_money
from ...queries.receivables.money import Pays, ReceiptPage
from ..payments.forms import AmountForm
from . import answers, bp
from .forms import ApplyForm, CashForm, MoveForm, PayOutForm, TakeOffForm

Choice = list[tuple[int, str]]


def _page(receipt: str) -> ReceiptPage:
    return found_money.one(receipt, company().time_zone)


def _home(page: ReceiptPage) -> str:
    return url_for("receivables.receipt", receipt=page.head.number)


def _choices(found: tuple[Pays, ...]) -> Choice:
    return [(x.invoice_id, _("%(number)s, %(open)s open", number=x.invoice, open=money(x.open))) for x in found]


def _submit(
    form: AmountForm,
    currency: str,
    act: Callable[[Money], Any],
    show: Callable[..., Response],
    back: str,
    said: str | Callable[[Any], str],
) -> Response:
    """`said` when it is done, perhaps of what came of it."""
    amount = form.money(currency) if form.validate() else None
    if amount is None:
        return show(form, status=422)
    try:
        made = act(amount)
    except Refusal as refusal:
        return show(form, refusal, refusal.status)
    return answers.done(back, said if isinstance(said, str) else said(made))


@bp.get("/receipts/<receipt>/application")
@requires(Permission.RECEIPT_ALLOCATE)
def apply_form(receipt: str) -> Response:
    page = _page(receipt)
    first = page.open[0] if page.open else None
    most = min(page.head.unapplied.minor, first.open.minor) if first else page.head.unapplied.minor
    amount = Money(max(most, 0), page.head.amount.currency)
    return _apply(page)(ApplyForm(formdata=None, amount=amount.major, invoice=first.invoice_id if first else None))


@bp.post("/receipts/<receipt>/application")
@requires(Permission.RECEIPT_ALLOCATE)
def apply(receipt: str) -> Response:
    page, form = _page(receipt), ApplyForm()
    form.invoice.choices = _choices(page.open)

    def act(amount: Money) -> Any:
        return allocations.apply(page.id, form.invoice.data or 0, amount=amount, form_key=form.key, by=me())

    said = _("%(number)s is applied.", number=page.head.number)
    return _submit(form, page.head.amount.currency, act, _apply(page), _home(page), said)


def _apply(page: ReceiptPage) -> Callable[..., Response]:
    def show(form: ApplyForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        form.invoice.choices = _choices(page.open)
        return answers.dialog(
            _home(page),
            status,
            form=form,
            refusal=refusal,
            currency=page.head.amount.currency,
            title=_("Apply %(number)s to an invoice", number=page.head.number),
            consequence=_("%(amount)s of it is unapplied.", amount=money(page.head.unapplied)),
            submit=_("Apply"),
            action=url_for("receivables.apply", receipt=page.head.number, next=answers.home("") or None),
        )

    return show


@bp.get("/invoices/<invoice>/cash")
@requires(Permission.RECEIPT_ALLOCATE)
def apply_cash_form(invoice: str) -> Response:
    view = invoices.view(invoice, me(), selling_day())
    pots = found_money.of_account(view.account_id, view.gross.currency)
    most = min(view.balance.minor, pots[0][3].minor) if pots else 0
    amount = Money(max(most, 0), view.gross.currency)
    return _cash(view)(CashForm(formdata=None, amount=amount.major, receipt=pots[0][0] if pots else None))


@bp.post("/invoices/<invoice>/cash")
@requires(Permission.RECEIPT_ALLOCATE)
def apply_cash(invoice: str) -> Response:
    view, form = invoices.view(invoice, me(), selling_day()), CashForm()
    form.receipt.choices = _pots(view)

    def act(amount: Money) -> Any:
        return allocations.apply(form.receipt.data or 0, view.id, amount=amount, form_key=form.key, by=me())

    home, said = url_for("invoices.show", number=invoice), _("It is applied to %(number)s.", number=invoice)
    return _submit(form, view.gross.currency, act, _cash(view), home, said)


def _pots(view: InvoiceView) -> Choice:
    pots = found_money.of_account(view.account_id, view.gross.currency)
    return [(id, f"{number}, {words}, {money(rest)}") for id, number, words, rest in pots]


def _cash(view: InvoiceView) -> Callable[..., Response]:
    def show(form: CashForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        form.receipt.choices = _pots(view)
        return answers.dialog(
            url_for("invoices.show", number=view.number),
            status,
            form=form,
            refusal=refusal,
            currency=view.gross.currency,
            title=_("Apply cash to invoice %(number)s", number=view.number),
            consequence=_("%(open)s of it is open.", open=money(view.balance)),
            submit=_("Apply"),
            action=url_for("receivables.apply_cash", invoice=view.number),
        )

    return show


def _paying(receipt: str, invoice: str) -> tuple[ReceiptPage, Pays]:
    """The receipt and what it gives to that invoice. Raises NotFound where it gives nothing."""
    page = _page(receipt)
    for pays in page.pays:
        if pays.invoice == invoice:
            return page, pays
    raise NotFound(f"{receipt} pays nothing of {invoice}")


@bp.get("/receipts/<receipt>/invoices/<invoice>/removal")
@requires(Permission.RECEIPT_ALLOCATE)
def take_off_form(receipt: str, invoice: str) -> Response:
    page, pays = _paying(receipt, invoice)
    return _take_off(page, pays)(TakeOffForm(formdata=None, amount=pays.amount.major))


@bp.post("/receipts/<receipt>/invoices/<invoice>/removal")
@requires(Permission.RECEIPT_ALLOCATE)
def take_off(receipt: str, invoice: str) -> Response:
    page, pays = _paying(receipt, invoice)
    form = TakeOffForm()

    def act(amount: Money) -> Any:
        because = form.reason.data or ""
        return allocations.take_off(
            page.id, pays.invoice_id, amount=amount, because=because, form_key=form.key, by=me()
        )

    said = _("It is unapplied cash again.")
    home = url_for("invoices.show", number=invoice)
    return _submit(form, page.head.amount.currency, act, _take_off(page, pays), home, said)


def _take_off(page: ReceiptPage, pays: Pays) -> Callable[..., Response]:
    def show(form: TakeOffForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        where: dict[str, Any] = {"receipt": page.head.number, "invoice": pays.invoice}
        return answers.dialog(
            url_for("invoices.show", number=pays.invoice),
            status,
            form=form,
            refusal=refusal,
            currency=pays.amount.currency,
            title=_("Take %(receipt)s off %(invoice)s", **where),
            consequence=_("The invoice is owed again, and the money can be applied to another one or given back."),
            submit=_("Take it off"),
            action=url_for("receivables.take_off", **where, next=answers.home("") or None),
            danger=True,
        )

    return show


@bp.get("/receipts/<receipt>/invoices/<invoice>/move")
@requires(Permission.RECEIPT_ALLOCATE)
def move_form(receipt: str, invoice: str) -> Response:
    page, pays = _paying(receipt, invoice)
    return _move(page, pays)(MoveForm(formdata=None, amount=pays.amount.major))


@bp.post("/receipts/<receipt>/invoices/<invoice>/move")
@requires(Permission.RECEIPT_ALLOCATE)
def move(receipt: str, invoice: str) -> Response:
    page, pays = _paying(receipt, invoice)
    form = MoveForm()
    form.invoice.choices = _others(page, pays)

    def act(amount: Money) -> Any:
        facts: dict[str, Any] = {"because": form.reason.data or "", "form_key": form.key, "by": me()}
        return allocations.move(page.id, pays.invoice_id, form.invoice.data or 0, amount=amount, **facts)

    home = url_for("invoices.show", number=invoice)
    return _submit(form, page.head.amount.currency, act, _move(page, pays), home, _("It is moved."))


def _others(page: ReceiptPage, pays: Pays) -> Choice:
    return _choices(tuple(x for x in page.open if x.invoice_id != pays.invoice_id))


def _move(page: ReceiptPage, pays: Pays) -> Callable[..., Response]:
    def show(form: MoveForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        form.invoice.choices = _others(page, pays)
        where: dict[str, Any] = {"receipt": page.head.number, "invoice": pays.invoice}
        return answers.dialog(
            url_for("invoices.show", number=pays.invoice),
            status,
            form=form,
            refusal=refusal,
            currency=pays.amount.currency,
            title=_("Move %(receipt)s from %(invoice)s", **where),
            consequence=_("It pays the other invoice instead, and this one is owed again."),
            submit=_("Move it"),
            action=url_for("receivables.move", **where, next=answers.home("") or None),
        )

    return show


@bp.get("/receipts/<receipt>/payout")
@requires(Permission.PAYMENT_REFUND)
def pay_out_form(receipt: str) -> Response:
    page = _page(receipt)
    form = PayOutForm(formdata=None, amount=page.head.unapplied.major, kind=page.head.kind)
    return _pay_out(page)(form)


@bp.post("/receipts/<receipt>/payout")
@requires(Permission.PAYMENT_REFUND)
def pay_out(receipt: str) -> Response:
    page, form = _page(receipt), PayOutForm()

    def act(amount: Money) -> Any:
        return allocations.pay_out(
            page.id,
            amount=amount,
            kind=ReceiptKind(form.kind.data),
            reference=form.reference.data or "",
            on=form.on.data or selling_day(),
            because=form.reason.data or "",
            form_key=form.key,
            by=me(),
        )

    return _submit(form, page.head.amount.currency, act, _pay_out(page), _home(page), _paid_out)


def _paid_out(made: Receipt | PayOut) -> str:
    if isinstance(made, PayOut):
        return _("It waits for a second person, who finds it among the refunds to approve. Nothing is paid out yet.")
    return _("The pay-out is recorded.")


def _pay_out(page: ReceiptPage) -> Callable[..., Response]:
    def show(form: PayOutForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        return answers.dialog(
            _home(page),
            status,
            form=form,
            refusal=refusal,
            currency=page.head.amount.currency,
            title=_("Pay out unapplied cash of %(number)s", number=page.head.number),
            consequence=_("Make the payment at your bank; here it is written down."),
            submit=_("Record the pay-out"),
            action=url_for("receivables.pay_out", receipt=page.head.number, next=request.args.get("next")),
            danger=True,
        )

    return show
