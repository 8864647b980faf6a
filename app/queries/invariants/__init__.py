"""What must hold of the books, whatever happened: one function a rule, each a sentence for every place that breaks it.

`flask check-invariants` runs them, so does a tick each night, and every fault test. Rules that a constraint, a type or
a guard already makes impossible are asked all the same where a statement can see them: constraints get lost too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from ...values import Value
from . import (
    agreements,
    books,
    disputes,
    dunning,
    evidence,
    money,
    movements,
    promises,
    receivables,
    requests,
    settlement,
)

GRACE = timedelta(minutes=5)


class Rule(Value):
    """`number` is the invariant's; `holds` says it in words; `complaints` gets how young a row may be to be spared,
    because what is still being worked on is not broken."""

    number: int
    holds: str
    complaints: Callable[[timedelta], list[str]]


RULES: tuple[Rule, ...] = (
    Rule(1, "Amounts are whole minor units of a currency whose exponent is known", money.unknown_currencies),
    Rule(2, "Gross is net and tax, and parts add up to their whole", money.sums_apart),
    Rule(2, "A credit note is the sum of its lines and of its rates", receivables.credit_notes_apart),
    Rule(3, "Evidence refuses change: its triggers stand", evidence.unguarded_tables),
    Rule(4, "Refunded is at most captured, captured at most authorized", money.out_of_order),
    Rule(4, "Where more left than had come, finance is told", disputes.overdrawn),
    Rule(5, "Nothing is allocated above a receipt or an invoice", money.over_allocated),
    Rule(5, "Nothing is paid, credited and written off beyond an invoice", receivables.over_settled),
    Rule(5, "Money that left pays nothing", receivables.pots_apart),
    Rule(6, "Each capture and each refund has exactly one receipt", evidence.receipts_apart),
    Rule(6, "Money that came or left without a gateway says whose it is", receivables.offline_apart),
    Rule(7, "What a gateway did stands here once", evidence.doubled_transactions),
    Rule(8, "One open attempt, one live checkout, one order per quote", evidence.rivals),
    Rule(9, "The gateway was never asked for a charge without an attempt", books.charges_without_attempt),
    Rule(9, "The gateway was never asked to move money without a row of ours", movements.unasked),
    Rule(10, "A stored request carries the attempt's own key and amount", evidence.requests_apart),
    Rule(10, "A stored movement carries its own key and amount", movements.requests_apart),
    Rule(12, "What is not known is asked about again", evidence.forgotten_attempts),
    Rule(12, "A movement that is not known is asked about again", movements.forgotten),
    Rule(13, "A status is what its last history row says, in an unbroken sequence", evidence.histories_apart),
    Rule(14, "An attempt succeeded if and only if its transaction is there", evidence.outcomes_apart),
    Rule(14, "A capture, void or refund succeeded if and only if its transaction is there", movements.outcomes_apart),
    Rule(15, "A transaction has the attempt's amount and currency", evidence.amounts_apart),
    Rule(16, "An authorization ends in capture or void, never both", evidence.captured_and_voided),
    Rule(17, "A period of an agreement is asked for once", agreements.periods_apart),
    Rule(17, "Each period falls on its day, and none is left out", agreements.days_apart),
    Rule(18, "Nothing is charged after a pause, a cancellation or the switch", agreements.charged_after_stop),
    Rule(18, "What a customer receives follows the agreement it is paid by", agreements.services_apart),
    Rule(18, "Dunning goes on only where a period is unpaid", dunning.beside_the_point),
    Rule(18, "Dunning that goes on has a next step", dunning.forgotten),
    Rule(18, "A hard declined card is not charged again by itself", dunning.hard_declined_again),
    Rule(19, "A saved card was charged for its own account, on the gateway that holds it", promises.foreign_methods),
    Rule(20, "A signature binds the snapshot it was made under", promises.unbound_signatures),
    Rule(21, "What can be paid is the order as it stands", promises.stale_checkouts),
    Rule(22, "No mail keeps the token of a link", promises.kept_tokens),
    Rule(23, "One mail per kind, subject and cause", promises.doubled_mails),
    Rule(24, "Every receipt and every try has its audit row", promises.unaudited),
    Rule(25, "The gateway's books are ours", books.apart),
    Rule(25, "Captures, refunds and disputes stand in both books", movements.books_apart),
    Rule(25, "A dispute that has ended says so", disputes.undecided),
    Rule(25, "What a dispute moves is in the currency of its charge", disputes.currencies_apart),
    Rule(25, "Disputes take no less than nothing and no more than was captured", disputes.out_of_bounds),
    Rule(25, "What a dispute took for good has left the receivables", disputes.receipts_apart),
    Rule(25, "The lines of a payout come to what was paid out", settlement.batches_apart),
    Rule(25, "A line is of its payout's gateway and currency", settlement.foreign_lines),
    Rule(25, "An entry stands in one payout", settlement.doubled_entries),
    Rule(25, "A line says what its transaction says", settlement.lines_apart),
    Rule(26, "Open payment orders ask for no more than what is due", requests.above_due),
    Rule(27, "An order that is cancelled or terminated has no running agreement", agreements.outliving),
)


def broken(*, grace: timedelta = GRACE) -> list[str]:
    """Every complaint, beginning with its invariant's number; none: all holds."""
    return [f"{rule.number}: {complaint}" for rule in RULES for complaint in rule.complaints(grace)]
