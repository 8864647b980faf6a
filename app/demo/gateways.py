"""How the demo company takes money: two sandboxes, each with the currencies of its side of the ocean, and what is left
of a gateway of former years."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from .. import clock
from ..commands.methods import kept_methods, method_requests
from ..commands.methods.kept_methods import Consent
from ..commands.settlement import settlement
from ..db import db, end_read, lock, transaction
from ..gateways import registry
from ..gateways.sandbox import payouts
from ..gateways.sandbox.cards import BY_SLUG
from ..gateways.sandbox.line import Rejected
from ..gateways.settlement import BalanceItem, ItemKind, Payout, PayoutState
from ..gateways.setups import SetupRequest
from ..models import SYSTEM, Account, Gateway, OrderKind, PaymentMethod, Route, Token, User
from ..money import Money
from ..states.gateway import GatewayEvent
from .post import deliver

FORMER = "framework 2024"
EUROPE, USA = "sandbox-eu", "sandbox-us"
OVERSEAS = "USD"
CONSENT = {
    "text": "Agreed in the contract of March 2024.",
    "by": "Jonas Falk",
    "how": "in the contract",
}


def gateways() -> list[Gateway]:
    europe = ["EUR", "GBP", "CHF", "JPY", "KWD"]
    return [
        Gateway(key=EUROPE, kind="sandbox", name="Sandbox Europe", currencies=europe),
        Gateway(key=USA, kind="sandbox", name="Sandbox USA", currencies=[OVERSEAS, "JPY"]),
    ]


def routes(europe: Gateway, usa: Gateway) -> list[Route]:
    ours, abroad = "BRIGHTWATER", "BRIGHTWATER INTL"
    return [
        Route(key="europe", name="Europe cards", position=1, currency="EUR", gateway_id=europe.id, descriptor=ours),
        Route(key="usa", name="USA cards", position=2, currency=OVERSEAS, gateway_id=usa.id, descriptor=abroad),
        Route(key="world", name="Cards worldwide", position=3, gateway_id=europe.id, descriptor=abroad),
    ]


def card_of_former_years(account_id: int) -> None:
    """Only a deprecated gateway holds it, for the agreements of its customers: it waits to be brought over."""
    with transaction() as session:
        gateway = Gateway(key="harbour", kind="sandbox", name="Harbour Payments", currencies=["EUR"])
        session.add(gateway)
        session.flush()
        gateway.transition(GatewayEvent.DEPRECATE, by=SYSTEM, because="The contract with Harbour ends next year.")
        gateway.legacy_until = clock.today("Europe/Berlin") + timedelta(days=120)
        session.get_one(Account, account_id).account_group = FORMER
        session.add(
            Route(
                key="harbour",
                name="Agreements of 2024",
                position=4,
                currency="EUR",
                account_group=FORMER,
                order_kind=OrderKind.RECURRING,
                gateway_id=gateway.id,
                descriptor="BRIGHTWATER",
            )
        )
        card = PaymentMethod(
            account_id=account_id,
            brand="Mastercard",
            last4="8210",
            exp_month=8,
            exp_year=clock.now().year + 2,
            holder="Northfield Clinics GmbH",
            tokens=[Token(gateway_id=gateway.id, token="harbour_8210")],
            **{f"consent_{name}": words for name, words in CONSENT.items()},
        )
        session.add(card)


def card_of_the_other_side(account_id: int) -> None:
    """An American customer's card that Europe keeps: their charges take another route, which does not know it."""
    keep(account_id, EUROPE, "mastercard")


def keep(account_id: int, gateway_key: str, card: str) -> None:
    """The test card `card` of the account's first contact, on file and at that gateway."""
    gateway = db.session.scalars(select(Gateway).where(Gateway.key == gateway_key)).one()
    account = db.session.get_one(Account, account_id)
    adapter, gateway_id, number = registry.get(gateway), gateway.id, account.number
    holder, email = account.contacts[0].name, account.contacts[0].email
    end_read()
    customer = adapter.ensure_customer(number, holder, email, f"cs-customer-{number}")
    alias = BY_SLUG[card].alias(4, clock.now().year + 3)
    kept = adapter.save_card(SetupRequest(f"cs-setup-{number}", customer, alias, "/", {"holder": holder}))
    if kept.card is None or kept.token is None:
        raise RuntimeError(f"the sandbox did not keep a card of {number}: {kept.message}")
    with transaction():
        lock(Account, account_id)
        method = kept_methods.keep(account_id, None, kept.card, consent=Consent(**CONSENT), by=SYSTEM)
        kept_methods.keep_token(method, gateway_id, kept.token, customer)


def ask_for_a_card(account_id: int, *, by: User) -> None:
    """The mail with the link is in the mailbox, for whoever wants to try it."""
    account = db.session.get_one(Account, account_id)
    route_id = db.session.scalars(select(Route.id).where(Route.key == "usa")).one()
    method_requests.send(account.id, account.contacts[-1].id, route_id, form_key=f"demo-{account.number}", by=by)
    deliver()


def pay_out_weekly(days: int) -> None:
    """What both sandboxes have paid out in the last `days`, fetched when it was."""
    ids = list(db.session.scalars(select(Gateway.id).where(Gateway.key.in_((EUROPE, USA)))))
    for ago in range(days - days % 7, 6, -7):
        with clock.turned_back(timedelta(days=ago)):
            end_read()
            for key in (EUROPE, USA):
                try:
                    payouts.pay_out(key)
                except Rejected:
                    continue  # a week without a sale
            _fetch(ids)
    _fetch(ids)


def _fetch(gateway_ids: list[int]) -> None:
    for gateway_id in gateway_ids:
        settlement.sync(gateway_id)


def last_payouts_of_former_years() -> None:
    """What Harbour still owed for sales before our time, which we know nothing of; and one whose sum it got wrong."""
    gateway_id = db.session.scalars(select(Gateway.id).where(Gateway.key == "harbour")).one()
    unknown = _former_line("hb_txn_7741", ItemKind.CHARGE, "hb_ch_5530", 48000, 720)
    reserve = _former_line("hb_txn_7752", ItemKind.ADJUSTMENT, None, 12500, 0)
    settlement.write(gateway_id, _former_payout("hb_po_311", unknown, unknown.net))
    settlement.write(gateway_id, _former_payout("hb_po_312", reserve, Money(12450, "EUR")))
    settlement.sync(gateway_id)


def _former_line(id: str, kind: ItemKind, source: str | None, gross: int, fee: int) -> BalanceItem:
    whole, kept = Money(gross, "EUR"), Money(fee, "EUR")
    words = "Reserve released" if source is None else ""
    return BalanceItem(id, kind, source, source, whole, kept, whole - kept, at=clock.now(), description=words)


def _former_payout(id: str, line: BalanceItem, net: Money) -> Payout:
    return Payout(id, PayoutState.PAID, net, clock.now(), (clock.now() + timedelta(days=2)).date(), (line,))
