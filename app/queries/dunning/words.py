"""What dunning does, in words: for its pages and for the mails that tell of it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from ...formatting import day as words_of_day
from ...language import marked
from ...states.declines import DeclineClass
from ...states.dunning import Action, Ending

KINDS = {
    DeclineClass.RETRY_LATER: marked("The same card may work later"),
    DeclineClass.AUTHENTICATE: marked("The cardholder must confirm, or pay the invoice"),
    DeclineClass.NEW_METHOD: marked("Another card is needed"),
    DeclineClass.STOP: marked("The card must not be charged again"),
}
ACTIONS = {
    Action.RETRY: marked("Charge the card again"),
    Action.AUTHENTICATE: marked("Mail a link to pay"),
    Action.NEW_METHOD: marked("Mail a link to add a card"),
    Action.STOP: marked("End of the policy"),
    Action.PAST_DUE: marked("Set the agreement past due"),
}
ENDINGS = {
    Ending.PAUSE: marked("Pause agreement and subscription"),
    Ending.CANCEL: marked("Cancel agreement and subscription"),
    Ending.LEAVE: marked("Leave them past due, for people to decide"),
}


def coming(action: Action, due_at: datetime, zone: str) -> str:
    """A sentence about what comes next, with its day in the agreement's zone."""
    day = words_of_day(due_at.astimezone(ZoneInfo(zone)).date())
    sentences = {
        Action.RETRY: _("The card is charged again on %(day)s.", day=day),
        Action.AUTHENTICATE: _("The customer is mailed a link to pay on %(day)s.", day=day),
        Action.NEW_METHOD: _("The customer is mailed a link to add a card on %(day)s.", day=day),
        Action.STOP: _("The policy ends on %(day)s.", day=day),
        Action.PAST_DUE: _("The agreement is past due on %(day)s.", day=day),
    }
    return sentences[action]
