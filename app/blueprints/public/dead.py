"""Links that lead nowhere any more: why, and how to get a new one."""

from __future__ import annotations

from enum import StrEnum

from flask import Response, make_response, render_template
from flask_babel import gettext as _

from .link import Link


def dead(link: Link, why: StrEnum | None) -> Response:
    """The page of a link that is over; `why` None: rotated, or never ours, which look alike."""
    heading, explanation = _words(str(why) if why else "")
    given_back = str(why) in ("declined", "change_requested")
    context = {"link": link, "heading": heading, "explanation": explanation, "given_back": given_back}
    context["offers_new_link"] = not given_back and str(why) not in ("cancelled", "withdrawn")
    return make_response(render_template("public/dead.html", **context), 200 if given_back else 410)


def _words(why: str) -> tuple[str, str]:
    texts = {
        "expired": (_("This link has expired."), _("Nothing was lost: ask for a new one and it comes by mail.")),
        "revoked": (
            _("This link was withdrawn by the sender."),
            _("They may be preparing a new version for you. You can also ask them for a new link."),
        ),
        "superseded": (
            _("There is a newer version of this."),
            _("Please use the link in the latest mail. If you cannot find it, ask for a new one."),
        ),
        "cancelled": (_("This order was cancelled."), _("There is nothing to sign or to pay.")),
        "withdrawn": (_("This payment is not asked for any more."), _("There is nothing to pay here.")),
        "declined": (
            _("You declined this order."),
            _("The sender knows, and has your reason. Nothing was charged."),
        ),
        "change_requested": (
            _("You asked for a change."),
            _("The sender has your message and will send a new version. Nothing was charged."),
        ),
    }
    unknown = _("This link does not work any more.")
    return texts.get(why, (unknown, _("It may have been replaced by a newer one. Look for the latest mail.")))


def thanks_for_asking() -> Response:
    return make_response(render_template("public/asked.html"))
