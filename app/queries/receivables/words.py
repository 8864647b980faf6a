"""What the doctor says: its five questions, and each answer in a sentence."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from ...formatting import money
from ..orders.payment import ACTION_WORDS
from .cases import Bill, Case
from .diagnosis import Finding, Repair

QUESTIONS = {
    1: lazy_gettext("Was the transaction captured?"),
    2: lazy_gettext("Does its receipt exist?"),
    3: lazy_gettext("Is it allocated to the intended invoice?"),
    4: lazy_gettext("Do the invoice's balance and ageing agree with the allocations?"),
    5: lazy_gettext("Did all that follows a payment get done?"),
}

ANSWERS = {
    "captured": lazy_gettext("Yes: %(amount)s was captured."),
    "moved_back": lazy_gettext("Yes: the gateway moved %(amount)s."),
    "recorded": lazy_gettext("It came without a gateway; its receipt was recorded by hand."),
    "cancelled": lazy_gettext("No. The payment order is withdrawn, so nothing is collected with it."),
    "unknown": lazy_gettext("Not known: the gateway has not said what became of the last try."),
    "held": lazy_gettext("Not yet: the money is authorized only. Capture it, and the rest follows."),
    "unproven": lazy_gettext("The last try is said to have succeeded, but no transaction proves it."),
    "not_tried": lazy_gettext("No: nobody has tried to pay it yet."),
    "asks_payer": lazy_gettext("Not yet: the bank waits for the payer to confirm."),
    "voided": lazy_gettext("No: the authorization was let go before it was captured."),
    "declined": lazy_gettext("No: the last try came to nothing."),
    "later": lazy_gettext("Cannot be asked before the steps above."),
    "receipt": lazy_gettext("Yes: %(receipt)s."),
    "no_receipt": lazy_gettext("No: the money moved, and no receipt says so."),
    "taken_back": lazy_gettext("What it takes back was taken off the invoices it had paid."),
    "allocated": lazy_gettext("Yes: %(allocated)s of %(amount)s pays %(invoices)s."),
    "given_back": lazy_gettext("There is nothing left of it to allocate: it was given back."),
    "late": lazy_gettext("%(free)s came too late to count for the order; it is unapplied cash until somebody decides."),
    "nothing_to_invoice": lazy_gettext("All of the order is invoiced; %(free)s is unapplied cash for AR to place."),
    "more_than_due": lazy_gettext("%(invoice)s is paid; %(free)s is left over as unapplied cash for AR to place."),
    "not_followed": lazy_gettext("Not yet: %(free)s of it pays nothing, because what follows it was not done."),
    "for_people": lazy_gettext("%(free)s of it pays no invoice. AR decides what it is for."),
    "unallocated": lazy_gettext("No: %(free)s of it pays nothing, and %(invoice)s still owes %(balance)s."),
    "not_invoiced": lazy_gettext("No: %(free)s of it pays nothing, because its invoice was never made."),
    "invoices_open": lazy_gettext("No: %(free)s of it pays nothing, and invoices of its order are still open."),
    "no_invoice": lazy_gettext("There is no invoice that could disagree."),
    "agrees": lazy_gettext("Yes: %(invoices)s."),
    "apart": lazy_gettext("No: %(wrong)s says otherwise than its allocations, so its balance and ageing mislead."),
    "overdrawn": lazy_gettext("No: more is allocated than there is. AR moves what is too much; evidence stays."),
    "clean": lazy_gettext("Yes."),
    "nothing_follows": lazy_gettext("Nothing has to follow it."),
    "failed": lazy_gettext("No: the step “%(step)s” failed (%(tries)s). It is tried again by itself as well."),
    "unfinished": lazy_gettext("Not finished. If it stays so, the steps can be run now."),
}

REPAIRS = {
    Repair.QUESTION: lazy_gettext("Ask the gateway"),
    Repair.RECEIPT: lazy_gettext("Create the missing receipt"),
    Repair.ALLOCATION: lazy_gettext("Allocate it"),
    Repair.RECOMPUTATION: lazy_gettext("Recompute the invoice"),
    Repair.RETRY: lazy_gettext("Run the steps again"),
}

DONE = {
    Repair.RECEIPT: lazy_gettext("Created the missing receipt"),
    Repair.ALLOCATION: lazy_gettext("Allocated it"),
    Repair.RECOMPUTATION: lazy_gettext("Recomputed the invoice"),
    Repair.RETRY: lazy_gettext("Ran the steps again"),
}

EVIDENCE = {
    "transaction": lazy_gettext("Transaction"),
    "receipt": lazy_gettext("Receipt"),
    "allocated": lazy_gettext("Allocated"),
    "invoice": lazy_gettext("Invoice"),
    "status": lazy_gettext("Invoice status"),
    "balance": lazy_gettext("Invoice balance"),
    "processing": lazy_gettext("What follows"),
    "step": lazy_gettext("Failed step"),
}


def answer(finding: Finding, case: Case) -> str:
    bill, row = case.intended, case.follows
    tries = row.tries if row is not None else 0
    facts = {
        "amount": money(case.amount),
        "receipt": case.receipt or "",
        "allocated": money(case.allocated),
        "free": money(case.free),
        "invoice": (bill.number if bill else None) or "",
        "balance": money(bill.balance) if bill else "",
        "invoices": ", ".join(b.number or _("draft") for b in case.bills),
        "wrong": (finding.bill.number if finding.bill else None) or "",
        "step": (row.step if row is not None else None) or "",
        "tries": ngettext("%(num)d try", "%(num)d tries", tries),
    }
    return str(ANSWERS[finding.why]) % facts


def name(case: Case) -> str:
    if case.transaction is not None:
        return str(ACTION_WORDS[case.transaction.action])
    return _("Receipt") if case.receipt_id is not None else _("Nothing captured")


def ageing(bill: Bill, today: date) -> str:
    """As AR counts it, by days after the due date."""
    if bill.balance.minor <= 0:
        return _("nothing open")
    late = (today - bill.due_date).days if bill.due_date is not None else 0
    if late <= 0:
        return _("current")
    bucket = next((f"{low}–{low + 29}" for low in (1, 31, 61) if late <= low + 29), "90+")
    return _("%(bucket)s days overdue", bucket=bucket)
