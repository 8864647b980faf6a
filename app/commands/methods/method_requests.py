"""Asking a customer for a card: the link that is mailed, and what keeps it from being sent."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select

from ... import audit, clock, forms, jobs, settings
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import NotFound, Refusal
from ...gateways import registry
from ...mail import recipients, suppression
from ...models import SYSTEM, Account, Actor, Contact, MethodRequest, MethodSetup, OrderEmail, User
from ...queries import methods as queries
from ...queries.routes import RouteRow
from ...states.attempt import OPEN
from ...states.gateway import GatewayState
from ...states.mail import MailStatus
from ...states.method_request import RequestEvent, RequestStatus
from ..post import mails


def blocks(account: Account, contact: Contact, route: RouteRow | None) -> list[Refusal]:
    """Everything that keeps a card from being asked for; the preflight shows all, `send` raises the first."""
    found = []
    if route is None:
        words = _("No route takes %(currency)s for this account.", currency=account.currency)
        found.append(Refusal("no_route", words, "A payment admin can open one."))
    else:
        found += _gateway_blocks(route)
    try:
        suppression.refuse(recipients.for_method(contact))
    except Refusal as refusal:
        found.append(refusal)
    return found


def _gateway_blocks(route: RouteRow) -> list[Refusal]:
    name = route.gateway.name
    if route.gateway.state is not GatewayState.ACTIVE:
        words = _("%(gateway)s takes no new cards now.", gateway=name)
        return [Refusal("gateway_closed", words, "Choose another route, or wait for a payment admin.")]
    if not registry.for_account(route.gateway.account).capabilities.saved_tokens:
        return [Refusal("keeps_no_cards", "%(gateway)s keeps no cards.", "Choose another route.", gateway=name)]
    return []


def usable(account_id: int, contact_id: int, route_id: int | None = None) -> MethodRequest | None:
    """The live request of that contact whose link can still be used, so that sending means sending it again."""
    row = live(account_id, contact_id)
    if row is None or row.expires_at <= clock.now() or route_id not in (None, row.route_id):
        return None
    return row if tries(row.id) < row.attempt_limit else None


def live(account_id: int, contact_id: int) -> MethodRequest | None:
    return db.session.scalars(
        select(MethodRequest).where(
            MethodRequest.account_id == account_id,
            MethodRequest.contact_id == contact_id,
            MethodRequest.status == RequestStatus.LIVE,
        )
    ).one_or_none()


def tries(request_id: int) -> int:
    return db.session.scalar(select(func.count(MethodSetup.id)).where(MethodSetup.request_id == request_id)) or 0


def saving(request_id: int) -> bool:
    """A card is being saved behind this link; its end is not known."""
    open_one = select(MethodSetup.id).where(MethodSetup.request_id == request_id, MethodSetup.status.in_(OPEN))
    return db.session.scalar(open_one) is not None


def send(account_id: int, contact_id: int, route_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Mail the link: the usable one again if there is one for that route, else a new one, which ends the one before.

    Raises NotFound for a contact of another account, and Refusal: `not_permitted`, the first of `blocks`,
    `mail_on_its_way`, `saving`, `key_reused`.
    """
    content = ["method_request", account_id, contact_id, route_id]
    with transaction():
        demand(by, Permission.METHOD_ADD)
        account, contact = lock(Account, account_id), get(Contact, contact_id)
        if contact.account_id != account_id:
            raise NotFound(f"contact {contact_id}")
        if (known := forms.answered(form_key, content)) is not None:
            return get(OrderEmail, known["id"])
        route = next((x for x in queries.routes_for(account) if x.id == route_id), None)
        for refusal in blocks(account, contact, route):
            raise refusal
        mail = _send(account, contact, route_id, again=form_key, by=Actor.of(by))
        to = [r["address"] for r in mail.recipients]
        audit.note("method.ask", account.number, by=Actor.of(by), after={"to": to, "route": route.key if route else ""})
        forms.remember(form_key, content, id=mail.id)
        return mail


def _send(account: Account, contact: Contact, route_id: int, *, again: str, by: Actor) -> OrderEmail:
    row = usable(account.id, contact.id, route_id)
    if row is None:
        row, again = _issue(account, contact, route_id, by), ""
    _refuse_doubled_mail(row)
    return mails.method_request(row, again=again, by=by)


def of_ours(account: Account, contact: Contact, route_id: int) -> MethodRequest:
    """The usable request of that contact, or a new one, for a mail of another kind. Inside a transaction, account held.

    Raises Refusal: the first of `blocks`, `saving`.
    """
    route = next((x for x in queries.routes_for(account) if x.id == route_id), None)
    for refusal in blocks(account, contact, route):
        raise refusal
    return usable(account.id, contact.id, route_id) or _issue(account, contact, route_id, SYSTEM)


def _issue(account: Account, contact: Contact, route_id: int, by: Actor) -> MethodRequest:
    previous = live(account.id, contact.id)
    if previous is not None:
        if saving(previous.id):
            raise Refusal("saving", "The customer is saving a card at this moment.", "Look again in a minute.")
        previous.transition(RequestEvent.SUPERSEDE, by=by)
        db.session.flush()
    row = MethodRequest(
        public_id=secrets.token_urlsafe(16),
        account_id=account.id,
        contact_id=contact.id,
        route_id=route_id,
        attempt_limit=settings.fresh(settings.ATTEMPT_LIMIT),
        expires_at=clock.now() + timedelta(days=settings.fresh(settings.PAYMENT_LINK_DAYS)),
        created_by_id=by.user_id,
    )
    db.session.add(row)
    row.record("asked", by=by, contact=contact.name)
    account.record("card_asked_for", by=by, contact=contact.name)
    return row


def _refuse_doubled_mail(row: MethodRequest) -> None:
    waiting = select(OrderEmail.id).where(
        OrderEmail.link_public_id == row.public_id, OrderEmail.status.in_((MailStatus.QUEUED, MailStatus.SENDING))
    )
    if db.session.scalar(waiting) is not None:
        words = _("The mail with this link is on its way; there is no need for a second one.")
        raise Refusal("mail_on_its_way", words)


def renew(public_id: str) -> None:
    """Whoever opened a link that is over asks for a new one: it goes to the very contact who was asked, once a day at
    most. A withdrawn request stays withdrawn; a link that was never ours reaches nobody."""
    with transaction():
        old = db.session.scalars(select(MethodRequest).where(MethodRequest.public_id == public_id)).one_or_none()
        if old is None:
            return
        account = lock(Account, old.account_id)
        if old.status in (RequestStatus.DONE, RequestStatus.REVOKED):
            return
        route = next((x for x in queries.routes_for(account) if x.id == old.route_id), None)
        if not blocks(account, old.contact, route) and not saving(old.id):
            by, today = Actor.customer(old.contact.name), f"{clock.now():%Y-%m-%d}"
            row = usable(account.id, old.contact_id) or _issue(account, old.contact, old.route_id, by)
            mails.method_request(row, again=f"asked:{today}", by=by)


def revoke(request_id: int, *, because: str, by: User) -> MethodRequest:
    """Raises Refusal: `not_permitted`, `saving`, `not_live`."""
    with transaction():
        demand(by, Permission.METHOD_ADD)
        row = _locked(request_id)
        if saving(row.id):
            raise Refusal("saving", "The customer is saving a card at this moment.", "Look again in a minute.")
        if not row.can(RequestEvent.REVOKE):
            raise Refusal("not_live", "This link is over already.")
        row.transition(RequestEvent.REVOKE, by=Actor.of(by), because=because)
        audit.note("method.revoke_link", row.account.number, by=Actor.of(by), after={"because": because})
        return row


@jobs.tick("method_requests.expire_due", every=timedelta(minutes=1))
def expire_due() -> int:
    """Links whose time is over; one behind which a card is being saved waits for its end. Returns how many."""
    due = db.session.scalars(
        select(MethodRequest.id).where(
            MethodRequest.status == RequestStatus.LIVE, MethodRequest.expires_at <= clock.now()
        )
    ).all()
    return jobs.each("method_requests.expire_due", due, _expire)


def _expire(request_id: int) -> bool:
    with transaction():
        row = _locked(request_id)
        if row.status is not RequestStatus.LIVE or row.expires_at > clock.now() or saving(row.id):
            return False
        row.transition(RequestEvent.EXPIRE, by=SYSTEM)
        return True


def _locked(request_id: int) -> MethodRequest:
    lock(Account, get(MethodRequest, request_id).account_id)
    return lock(MethodRequest, request_id)
