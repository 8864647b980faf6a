"""What a decline means: its class, whether a retry can work, and the words for customer and staff. One table.

Codes are those card processors share (docs.stripe.com/declines/codes), plus `authentication_failed` for a challenge
that the cardholder refused. The processor's advice code wins over the table; a code we do not know counts as stop.
Why a card was stopped (lost, stolen, suspected fraud) is never told to whoever holds it.
"""

from __future__ import annotations

from enum import StrEnum

from ..values import Value


class DeclineClass(StrEnum):
    """What can help: waiting, another card, the cardholder's confirmation, or nothing."""

    RETRY_LATER = "retry_later"
    NEW_METHOD = "new_method"
    AUTHENTICATE = "authenticate"
    STOP = "stop"


# The same card is not charged again after these.
HOPELESS = (DeclineClass.NEW_METHOD, DeclineClass.STOP)


class Remedy(Value):
    """`retry` says when the same card may be tried again; empty where that cannot work."""

    kind: DeclineClass
    retry: str
    customer: str
    staff: str


def N_(text: str) -> str:
    """Marks a text for translation; whoever shows it translates."""
    return text


IN_DAYS = Remedy(
    DeclineClass.RETRY_LATER,
    N_("in a few days"),
    N_("Use another card, or try this one again in a few days."),
    N_("The same card may work in a few days."),
)
IN_HOURS = Remedy(
    DeclineClass.RETRY_LATER,
    N_("in a few hours"),
    N_("Try again in a few hours, or use another card."),
    N_("The same card may work in a few hours."),
)
ONCE_OR_TWICE = Remedy(
    DeclineClass.RETRY_LATER,
    N_("once or twice more"),
    N_("Try once more or use another card; your bank can tell you why."),
    N_("One or two more tries are worth it; after that the customer must ask the bank or use another card."),
)
CONFIRM = Remedy(
    DeclineClass.AUTHENTICATE,
    N_("once the cardholder confirms"),
    N_("Try again and confirm the payment with your bank, or use another card."),
    N_("The cardholder must confirm it: send a payment link. It is not retried by itself."),
)
CHECK_CARD = Remedy(
    DeclineClass.NEW_METHOD,
    "",
    N_("Enter the card again with its current details, or use another card."),
    N_("Ask the customer to enter the card again, or another one."),
)
OTHER_CARD = Remedy(
    DeclineClass.NEW_METHOD,
    "",
    N_("Use another card."),
    N_("Ask the customer for another card."),
)
STOP = Remedy(
    DeclineClass.STOP,
    "",
    N_("Use another card, or ask your bank."),
    N_("Do not charge this card again."),
)

ADVICE: dict[str, Remedy] = {
    "try_again_later": IN_HOURS,
    "do_not_try_again": STOP,
    "confirm_card_data": CHECK_CARD,
}

GENERIC = N_("Your bank declined this card.")


class Entry(Value):
    """A row of the table. `customer` and `staff` are one sentence each; `stops_plan`: the holder revoked us;
    `this_payment`: it speaks of the amount or the currency alone, and the card may pay others."""

    remedy: Remedy
    staff: str
    customer: str = GENERIC
    stops_plan: bool = False
    this_payment: bool = False


TABLE: dict[str, Entry] = {
    "insufficient_funds": Entry(
        IN_DAYS, N_("Not enough funds."), N_("Your bank declined this card: not enough funds.")
    ),
    "card_velocity_exceeded": Entry(
        IN_DAYS, N_("The card is over its limit for now."), N_("Your bank declined this card: it is over its limit.")
    ),
    "withdrawal_count_limit_exceeded": Entry(
        IN_DAYS, N_("The card is over its limit for now."), N_("Your bank declined this card: it is over its limit.")
    ),
    "processing_error": Entry(
        IN_HOURS, N_("The bank could not process the payment."), N_("Your bank could not process the payment.")
    ),
    "issuer_not_available": Entry(
        IN_HOURS, N_("The card's bank could not be reached."), N_("Your bank could not be reached.")
    ),
    "reenter_transaction": Entry(
        IN_HOURS, N_("The bank could not process the payment."), N_("Your bank could not process the payment.")
    ),
    "try_again_later": Entry(IN_HOURS, N_("Declined for now, without a reason.")),
    "approve_with_id": Entry(ONCE_OR_TWICE, N_("The payment could not be authorized.")),
    "call_issuer": Entry(ONCE_OR_TWICE, N_("Declined without a reason; the bank wants the cardholder to call.")),
    "card_declined": Entry(ONCE_OR_TWICE, N_("Declined without a reason.")),
    "do_not_honor": Entry(ONCE_OR_TWICE, N_("Declined without a reason; the bank can tell the cardholder.")),
    "generic_decline": Entry(ONCE_OR_TWICE, N_("Declined without a reason.")),
    "no_action_taken": Entry(ONCE_OR_TWICE, N_("Declined without a reason; the bank can tell the cardholder.")),
    "duplicate_transaction": Entry(
        ONCE_OR_TWICE,
        N_("The bank saw a payment of the same amount moments ago. Check whether that one went through."),
        N_("Your bank saw a payment of the same amount moments ago and declined this one."),
    ),
    "authentication_required": Entry(
        CONFIRM, N_("The bank wants the cardholder to confirm."), N_("Your bank wants you to confirm this payment.")
    ),
    "authentication_failed": Entry(
        CONFIRM,
        N_("The cardholder did not confirm the payment with the bank."),
        N_("The payment was not confirmed with your bank."),
    ),
    "expired_card": Entry(CHECK_CARD, N_("The card has expired."), N_("This card has expired.")),
    "incorrect_number": Entry(CHECK_CARD, N_("The card number is wrong."), N_("The card number is not right.")),
    "invalid_number": Entry(CHECK_CARD, N_("The card number is wrong."), N_("The card number is not right.")),
    "incorrect_cvc": Entry(CHECK_CARD, N_("The security code is wrong."), N_("The security code is not right.")),
    "invalid_cvc": Entry(CHECK_CARD, N_("The security code is wrong."), N_("The security code is not right.")),
    "invalid_expiry_month": Entry(CHECK_CARD, N_("The expiry date is wrong."), N_("The expiry date is not right.")),
    "invalid_expiry_year": Entry(CHECK_CARD, N_("The expiry date is wrong."), N_("The expiry date is not right.")),
    "incorrect_zip": Entry(CHECK_CARD, N_("The postcode is wrong."), N_("The postcode does not belong to this card.")),
    "incorrect_address": Entry(
        CHECK_CARD, N_("The billing address is wrong."), N_("The address does not belong to this card.")
    ),
    "new_account_information_available": Entry(
        CHECK_CARD, N_("The card has been replaced by a newer one."), N_("Your bank has replaced this card.")
    ),
    "card_not_supported": Entry(
        OTHER_CARD, N_("The card cannot be used for this kind of purchase."), N_("This card cannot be used here.")
    ),
    "currency_not_supported": Entry(
        OTHER_CARD,
        N_("The card does not take this currency."),
        N_("This card cannot pay in this currency."),
        this_payment=True,
    ),
    "invalid_account": Entry(
        OTHER_CARD, N_("The card's account does not exist or is closed."), N_("This card cannot be used.")
    ),
    "invalid_amount": Entry(
        OTHER_CARD,
        N_("The amount is more than this card may pay."),
        N_("This card cannot pay this amount."),
        this_payment=True,
    ),
    "not_permitted": Entry(
        OTHER_CARD, N_("The bank does not permit this payment."), N_("This card cannot be used for this payment.")
    ),
    "service_not_allowed": Entry(
        OTHER_CARD, N_("The bank does not permit this payment."), N_("This card cannot be used for this payment.")
    ),
    "transaction_not_allowed": Entry(
        OTHER_CARD, N_("The bank does not permit this payment."), N_("This card cannot be used for this payment.")
    ),
    "testmode_decline": Entry(
        OTHER_CARD, N_("A test card was used where real money moves."), N_("This is a test card.")
    ),
    "incorrect_pin": Entry(OTHER_CARD, N_("The card asks for its PIN."), N_("This card cannot be used online.")),
    "invalid_pin": Entry(OTHER_CARD, N_("The card asks for its PIN."), N_("This card cannot be used online.")),
    "pin_try_exceeded": Entry(OTHER_CARD, N_("Too many wrong PINs."), N_("This card cannot be used at the moment.")),
    "offline_pin_required": Entry(OTHER_CARD, N_("The card asks for its PIN."), N_("This card cannot be used online.")),
    "online_or_offline_pin_required": Entry(
        OTHER_CARD, N_("The card asks for its PIN."), N_("This card cannot be used online.")
    ),
    "lost_card": Entry(STOP, N_("Reported lost. Do not tell the customer why.")),
    "stolen_card": Entry(STOP, N_("Reported stolen. Do not tell the customer why.")),
    "pickup_card": Entry(STOP, N_("The bank wants the card withdrawn: lost or stolen. Do not tell the customer why.")),
    "fraudulent": Entry(STOP, N_("Suspected of fraud. Do not tell the customer why.")),
    "highest_risk_level": Entry(STOP, N_("Blocked as a very high risk of fraud. Do not tell the customer why.")),
    "merchant_blacklist": Entry(STOP, N_("On the processor's block list. Do not tell the customer why.")),
    "security_violation": Entry(STOP, N_("The bank sees a security problem. Do not tell the customer why.")),
    "restricted_card": Entry(STOP, N_("Restricted by the bank, perhaps lost or stolen. Do not tell the customer why.")),
    "do_not_try_again": Entry(STOP, N_("The bank asks not to try this card again.")),
    "previously_declined_do_not_retry": Entry(STOP, N_("Declined before; the processor no longer passes it on.")),
    "stop_payment_order": Entry(STOP, N_("The cardholder stopped this payment at the bank."), stops_plan=True),
    "revocation_of_authorization": Entry(
        STOP, N_("The cardholder withdrew the permission for this payment."), stops_plan=True
    ),
    "revocation_of_all_authorizations": Entry(
        STOP, N_("The cardholder withdrew the permission for all our payments."), stops_plan=True
    ),
}

UNKNOWN = Entry(STOP, N_("Declined for a reason that Countersign does not know."))


class Decline(Value):
    """A decline explained. `reason` then `next_step` are the customer's words; `staff` and `staff_next` ours.

    `retry` says when the same card may be tried again, empty if never; `stops_plan`: pause a recurring plan;
    `this_payment`: the card may pay others.
    """

    code: str
    kind: DeclineClass
    retry: str
    reason: str
    next_step: str
    staff: str
    staff_next: str
    stops_plan: bool
    this_payment: bool = False

    @property
    def needs_other_card(self) -> bool:
        """A saved method that met this is not charged again, for anything."""
        return self.kind in HOPELESS and not self.this_payment


NOT_TRIED = "not_tried"


def never_tried(why: str, remedy: Remedy = OTHER_CARD) -> Decline:
    """Nobody was asked; `why` in the words for staff. Most often because the card is known to be good for nothing."""
    return Decline(
        code=NOT_TRIED,
        kind=remedy.kind,
        retry=remedy.retry,
        reason=N_("This card cannot be used."),
        next_step=remedy.customer,
        staff=why,
        staff_next=remedy.staff,
        stops_plan=False,
    )


# No card was asked: a bill with a link to pay it was not paid by its day.
UNPAID = Decline(
    code="unpaid",
    kind=CONFIRM.kind,
    retry="",
    reason=N_("The invoice was not paid by its day."),
    next_step=N_("Pay it by the link."),
    staff=N_("The invoice was not paid by its day."),
    staff_next=N_("The customer must pay it by the link, or by another way."),
    stops_plan=False,
)


def explain(code: str | None, advice: str | None = None) -> Decline:
    """The decline of `code` (None where the processor gave none), as its `advice` has it."""
    entry = TABLE.get(code or "", UNKNOWN)
    advised = ADVICE.get(advice or "", entry.remedy)
    remedy = entry.remedy if advised.kind is entry.remedy.kind else advised
    return Decline(
        code=code or "unknown",
        kind=remedy.kind,
        retry=remedy.retry,
        reason=entry.customer,
        next_step=remedy.customer,
        staff=entry.staff,
        staff_next=remedy.staff,
        stops_plan=entry.stops_plan,
        this_payment=entry.this_payment and remedy is entry.remedy,
    )
