"""The form that arms the next call."""

from __future__ import annotations

from typing import Any

from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from ...gateways.sandbox.cards import Fault
from ...gateways.sandbox.tables import Call, ChargeState
from ...states import declines
from ..forms import Form

MOST_SECONDS = 60
REQUIRED = InputRequired("Choose one.")
CALLS = {
    Call.CHARGE: "Charge",
    Call.CAPTURE: "Capture",
    Call.VOID: "Void",
    Call.REFUND: "Refund",
    Call.SETUP: "Saving of a card",
    Call.ASK: "Question about any of these",
}
ENDS = {
    ChargeState.SUCCEEDED: "It is approved, whatever the card says",
    ChargeState.DECLINED: "It is declined; a refund fails",
    ChargeState.REQUIRES_ACTION: "The bank asks its cardholder (3-D Secure)",
    ChargeState.PENDING: "It stays pending until you end it",
}
FAULTS = {
    Fault.TIMEOUT_BEFORE: "No answer, and nothing was booked",
    Fault.TIMEOUT_AFTER: "No answer, although it was booked",
    Fault.ERROR: "500 Internal Server Error",
    Fault.TOO_MANY: "429 Too Many Requests",
    Fault.SLOW: "The answer takes long",
}


class NextCallForm(Form):
    call = SelectField("The next", [REQUIRED], choices=[(c.value, words) for c, words in CALLS.items()])
    outcome = SelectField(
        "What happens to it",
        [REQUIRED],
        choices={
            "How it ends": [(end.value, words) for end, words in ENDS.items()],
            "What goes wrong on the way": [(fault.value, words) for fault, words in FAULTS.items()],
        },
    )
    decline_code = SelectField("Decline code", [REQUIRED], choices=[(c, c.replace("_", " ")) for c in declines.TABLE])
    advice = SelectField("Advice", choices=[("", "none"), *((a, a.replace("_", " ")) for a in declines.ADVICE)])
    seconds = IntegerField(
        "Seconds",
        [Optional(), NumberRange(1, MOST_SECONDS, f"Take a whole number from 1 to {MOST_SECONDS}.")],
        default=8,
    )

    def what(self) -> dict[str, Any]:
        """As the command takes it."""
        outcome = self.outcome.data
        if outcome == Fault.SLOW:
            return {"fault": Fault.SLOW, "seconds": self.seconds.data or 8}
        if outcome in FAULTS:
            return {"fault": Fault(outcome)}
        if outcome == ChargeState.DECLINED:
            return {"decline_code": self.decline_code.data, "advice": self.advice.data or None}
        return {"state": ChargeState(outcome)}
