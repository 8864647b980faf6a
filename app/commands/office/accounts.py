"""Accounts: who the customer is, whom and where to write, and whether billing holds them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ... import audit, clock, forms, numbering, typed
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import NotFound, Refusal
from ...models import Account, Actor, Address, Contact, Opportunity, TaxStatus, User
from ...money import CURRENCIES
from ...values import Value


class Profile(Value, kw_only=True):
    """Payment terms in days until an invoice is due. `account_group` is for payment routes that ask for one."""

    name: str
    currency: str
    account_group: str = ""
    tax_id: str = ""
    ap_email: str = ""
    tax_status: TaxStatus = TaxStatus.STANDARD
    payment_terms_days: int = 14


class ContactFacts(Value, kw_only=True):
    name: str
    email: str
    title: str = ""
    phone: str = ""


class AddressFacts(Value, kw_only=True):
    """`country` is an ISO 3166 code of two letters."""

    name: str
    street: str
    postcode: str
    city: str
    region: str = ""
    country: str


def create(profile: Profile, *, by: User, form_key: str | None = None, number: str | None = None) -> Account:
    """Raises `name_missing`, `no_currency`."""
    with transaction() as session:
        demand(by, Permission.ACCOUNT_EDIT)
        lock(User, by.id)  # both tabs of a twin are theirs: the second one waits for the first one's answer
        asked = ["accounts.create", profile]
        if known := forms.answered(form_key, asked):
            return session.get_one(Account, known["id"])
        _check(profile)
        account = Account(number=number or numbering.take("account"), **_columns(profile))
        session.add(account)
        account.record("created", by=Actor.of(by))
        forms.remember(form_key, asked, id=account.id)
    return account


def edit(account_id: int, profile: Profile, *, by: User) -> Account:
    """Raises `name_missing`, `no_currency`."""
    with transaction():
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, account_id)
        _check(profile)
        before = {name: getattr(account, name) for name in _columns(profile)}
        for name, value in _columns(profile).items():
            setattr(account, name, value)
        _remember(account, before, _columns(profile), by)
    return account


def choose(
    account_id: int,
    *,
    billing_contact_id: int | None,
    billing_address_id: int | None,
    shipping_address_id: int | None,
    by: User,
) -> Account:
    """Who gets the invoices, and the addresses that new quotes begin with. Raises `not_the_accounts`."""
    chosen = {
        "billing_contact_id": billing_contact_id,
        "billing_address_id": billing_address_id,
        "shipping_address_id": shipping_address_id,
    }
    with transaction():
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, account_id)
        for name, id in chosen.items():
            _refuse_foreign(Contact if name == "billing_contact_id" else Address, id, account)
        before = {name: getattr(account, name) for name in chosen}
        for name, id in chosen.items():
            setattr(account, name, id)
        _remember(account, before, chosen, by)
    return account


def add_contact(account_id: int, facts: ContactFacts, *, by: User, form_key: str | None = None) -> Contact:
    """The first one also gets the invoices. Raises `name_missing`, `email_wrong`."""
    with transaction() as session:
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, account_id)
        asked = ["accounts.add_contact", account_id, facts]
        if known := forms.answered(form_key, asked):
            return session.get_one(Contact, known["id"])
        contact = Contact(account_id=account.id, **_contact_columns(facts))
        session.add(contact)
        session.flush()
        account.billing_contact_id = account.billing_contact_id or contact.id
        account.record("contact_added", by=Actor.of(by), name=contact.name)
        forms.remember(form_key, asked, id=contact.id)
    return contact


def edit_contact(contact_id: int, facts: ContactFacts, *, by: User) -> Contact:
    """Raises `name_missing`, `email_wrong`."""
    with transaction():
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, get(Contact, contact_id).account_id)
        contact = lock(Contact, contact_id)
        for name, value in _contact_columns(facts).items():
            setattr(contact, name, value)
        account.record("contact_changed", by=Actor.of(by), name=contact.name)
    return contact


def add_address(account_id: int, facts: AddressFacts, *, by: User, form_key: str | None = None) -> Address:
    """The first one is used for billing and shipping. Raises `address_incomplete`, `no_country`."""
    with transaction() as session:
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, account_id)
        asked = ["accounts.add_address", account_id, facts]
        if known := forms.answered(form_key, asked):
            return session.get_one(Address, known["id"])
        address = Address(account_id=account.id, **_address_columns(facts))
        session.add(address)
        session.flush()
        account.billing_address_id = account.billing_address_id or address.id
        account.shipping_address_id = account.shipping_address_id or address.id
        account.record("address_added", by=Actor.of(by), name=", ".join(address.lines))
        forms.remember(form_key, asked, id=address.id)
    return address


def add_opportunity(account_id: int, *, name: str, by: User, form_key: str | None = None) -> Opportunity:
    """Owned by whoever adds it. Raises `name_missing`."""
    with transaction() as session:
        demand(by, Permission.ACCOUNT_EDIT)
        account = lock(Account, account_id)
        asked = ["accounts.add_opportunity", account_id, name]
        if known := forms.answered(form_key, asked):
            return session.get_one(Opportunity, known["id"])
        opportunity = Opportunity(account_id=account.id, name=_given(name), owner_id=by.id)
        session.add(opportunity)
        opportunity.record("created", by=Actor.of(by))
        account.record("opportunity_added", by=Actor.of(by), name=opportunity.name)
        forms.remember(form_key, asked, id=opportunity.id)
    return opportunity


def hold(account_id: int, *, reason: str, by: User) -> Account:
    """Nothing is approved, submitted or charged until it is released. Raises `reason_missing`, `held_already`."""
    with transaction():
        demand(by, Permission.BILLING_HOLD)
        account = lock(Account, account_id)
        if account.hold_reason:
            raise Refusal(
                "held_already",
                "%(customer)s is on hold already: %(reason)s",
                customer=account.name,
                reason=account.hold_reason,
            )
        if not reason.strip():
            raise Refusal("reason_missing", "Say why; everybody who meets the hold reads it.", status=422)
        account.hold_reason, account.hold_by_id, account.hold_since = reason.strip(), by.id, clock.now()
        account.record("held", by=Actor.of(by), because=account.hold_reason)
        audit.note("account.hold", account.number, by=Actor.of(by), after=account.hold_reason)
    return account


def release(account_id: int, *, by: User) -> Account:
    """Raises `not_held`."""
    with transaction():
        demand(by, Permission.BILLING_HOLD)
        account = lock(Account, account_id)
        if not account.hold_reason:
            raise Refusal("not_held", "%(customer)s is not on hold.", customer=account.name)
        audit.note("account.release", account.number, by=Actor.of(by), before=account.hold_reason)
        account.hold_reason = account.hold_by_id = account.hold_since = None
        account.record("released", by=Actor.of(by))
    return account


def _columns(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in Profile.__struct_fields__}


def _check(profile: Profile) -> None:
    _given(profile.name)
    if profile.currency not in CURRENCIES:
        raise Refusal("no_currency", "This is no currency; use an ISO code such as EUR.", status=422)


def _contact_columns(facts: ContactFacts) -> dict[str, str]:
    try:
        email = typed.email(facts.email.strip(), invented=True)
    except ValueError:
        raise Refusal("email_wrong", "This is no email address; it looks like name@company.com.", status=422) from None
    return {"name": _given(facts.name), "email": email, "title": facts.title.strip(), "phone": facts.phone.strip()}


def _address_columns(facts: AddressFacts) -> dict[str, str]:
    columns = {name: getattr(facts, name).strip() for name in AddressFacts.__struct_fields__}
    if not all(value for name, value in columns.items() if name != "region"):
        raise Refusal("address_incomplete", "An address needs a name, street, postcode, city and country.", status=422)
    columns["country"] = columns["country"].upper()
    if len(columns["country"]) != 2 or not columns["country"].isalpha():
        raise Refusal("no_country", "Write the country as two letters, such as DE.", status=422)
    return columns


def _given(name: str) -> str:
    if not name.strip():
        raise Refusal("name_missing", "Type a name.", status=422)
    return name.strip()


def _refuse_foreign(model: Any, id: int | None, account: Account) -> None:
    if id is None:
        return
    owner = db.session.scalar(select(model.account_id).where(model.id == id))
    if owner is None:
        raise NotFound(f"{model.__name__} {id}")
    if owner != account.id:
        raise Refusal("not_the_accounts", "Choose one of the account's own contacts and addresses.")


def _remember(account: Account, before: dict[str, Any], after: dict[str, Any], by: User) -> None:
    changed = {name for name in after if before[name] != after[name]}
    if not changed:
        return
    then, now = ({name: facts[name] for name in sorted(changed)} for facts in (before, after))
    account.record("edited", by=Actor.of(by), before=then, after=now)
    audit.note("account.edit", account.number, by=Actor.of(by), before=then, after=now)
