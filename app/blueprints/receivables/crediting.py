"""Credit notes and write-offs."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import credit_notes, write_offs
from ...errors import NotFound, Refusal
from ...formatting import money
from ...models import CreditReason
from ...money import Money
from ...queries.calendar import selling_day
from ...queries.invoices import page as invoices
from ...queries.receivables import credits
from ..numbers import number
from . import answers, bp
from .forms import CreditForm, WriteOffForm
from .words import REASONS


@bp.get("/credit-notes")
@requires(Permission.RECEIVABLES_VIEW)
def credit_note_list() -> str:
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template("receivables/credit_notes.html", found=credits.listing(**keys), reasons=REASONS)


@bp.get("/credit-notes/<credit_note>")
@requires(Permission.INVOICE_VIEW)
def credit_note(credit_note: str) -> str:
    view = credits.view(credit_note, me())
    return render_template("receivables/credit_note.html", note=view, reason=REASONS[view.reason])


@bp.get("/invoices/<invoice>/credit")
@requires(Permission.CREDIT_NOTE_ISSUE)
def credit_form(invoice: str) -> Response:
    return _credit(invoice, CreditForm(formdata=None), {})


@bp.post("/invoices/<invoice>/credit")
@requires(Permission.CREDIT_NOTE_ISSUE)
def credit(invoice: str) -> Response:
    view, form = invoices.view(invoice, me(), selling_day()), CreditForm()
    typed = {x.line_id: request.form.get(f"line-{x.line_id}", "").strip()[:40] for x in credits.lines(view.id)}
    amounts, wrong = _amounts(typed, view.gross.currency)
    if not form.validate() or wrong:
        return _credit(invoice, form, typed, wrong, status=422)
    try:
        note = credit_notes.issue(
            view.id,
            amounts=amounts,
            reason=CreditReason(form.reason.data),
            note=form.note.data or "",
            form_key=form.key,
            by=me(),
        )
    except Refusal as refusal:
        return _credit(invoice, form, typed, {}, refusal, refusal.status)
    said = _("Credit note %(number)s over %(amount)s is issued.", number=note.number, amount=money(note.money))
    return answers.done(url_for("receivables.credit_note", credit_note=note.number), said)


def _amounts(typed: dict[int, str], currency: str) -> tuple[dict[int, int], dict[int, str]]:
    """Minor units by line, and what is wrong beside the fields where it is."""
    found, wrong = {}, {}
    for line_id, text in typed.items():
        if not text:
            continue
        try:
            found[line_id] = Money.of(number(text), currency).minor
        except ValueError:
            wrong[line_id] = _("Enter an amount in %(currency)s such as 12.50.", currency=currency)
    return found, wrong


def _credit(
    invoice: str,
    form: CreditForm,
    typed: dict[int, str],
    wrong: dict[int, str] | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    view = invoices.view(invoice, me(), selling_day())
    facts = {"invoice": view, "form": form, "lines": credits.lines(view.id), "typed": typed, "wrong": wrong or {}}
    return make_response(render_template("receivables/credit.html", refusal=refusal, **facts), status)


@bp.get("/invoices/<invoice>/write-off")
@requires(Permission.INVOICE_WRITE_OFF)
def write_off_form(invoice: str) -> Response:
    return _write_off(invoice, WriteOffForm(formdata=None))


@bp.post("/invoices/<invoice>/write-off")
@requires(Permission.INVOICE_WRITE_OFF)
def write_off(invoice: str) -> Response:
    view, form = invoices.view(invoice, me(), selling_day()), WriteOffForm()
    if not form.validate():
        return _write_off(invoice, form, status=422)
    try:
        row = write_offs.write_off(view.id, because=form.reason.data or "", form_key=form.key, by=me())
    except Refusal as refusal:
        return _write_off(invoice, form, refusal, refusal.status)
    said = _("%(amount)s is written off.", amount=money(Money(row.amount, row.currency)))
    return answers.done(url_for("invoices.show", number=invoice), said)


def _write_off(invoice: str, form: WriteOffForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    view = invoices.view(invoice, me(), selling_day())
    return answers.dialog(
        url_for("invoices.show", number=invoice),
        status,
        form=form,
        refusal=refusal,
        title=_("Write off %(open)s of invoice %(number)s", open=money(view.balance), number=view.number),
        consequence=_("No payment order asks for it any more. It can be taken back later, with a reason."),
        submit=_("Write it off"),
        action=url_for("receivables.write_off", invoice=invoice),
        danger=True,
    )


@bp.get("/invoices/<invoice>/write-offs/<int:write_off>/reversal")
@requires(Permission.INVOICE_WRITE_OFF)
def take_back_form(invoice: str, write_off: int) -> Response:
    return _take_back(*_written_off(invoice, write_off))(WriteOffForm(formdata=None))


@bp.post("/invoices/<invoice>/write-offs/<int:write_off>/reversal")
@requires(Permission.INVOICE_WRITE_OFF)
def take_back(invoice: str, write_off: int) -> Response:
    (view, row), form = _written_off(invoice, write_off), WriteOffForm()
    show = _take_back(view, row)
    if not form.validate():
        return show(form, status=422)
    try:
        write_offs.take_back(row.id, because=form.reason.data or "", form_key=form.key, by=me())
    except Refusal as refusal:
        return show(form, refusal, refusal.status)
    said = _("%(amount)s is owed again.", amount=money(row.amount))
    return answers.done(url_for("invoices.show", number=invoice), said)


def _written_off(invoice: str, write_off: int) -> tuple[invoices.InvoiceView, credits.WrittenOff]:
    view = invoices.view(invoice, me(), selling_day())
    for row in view.write_offs:
        if row.id == write_off:
            return view, row
    raise NotFound(f"write-off {write_off} of {invoice}")


def _take_back(view: invoices.InvoiceView, row: credits.WrittenOff) -> Callable[..., Response]:
    def show(form: WriteOffForm, refusal: Refusal | None = None, status: int = 200) -> Response:
        return answers.dialog(
            url_for("invoices.show", number=view.number),
            status,
            form=form,
            refusal=refusal,
            title=_("Take back %(amount)s written off of %(number)s", amount=money(row.amount), number=view.number),
            consequence=_("The invoice is owed again. The write-off stays in its month; this is booked today."),
            submit=_("Take it back"),
            action=url_for("receivables.take_back", invoice=view.number, write_off=row.id),
        )

    return show
