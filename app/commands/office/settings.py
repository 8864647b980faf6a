"""Turning a setting: checked, audited with what it was before, and in force with the next look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext

from ... import access, audit, settings, typed, upserts
from ...access import Permission
from ...db import after_commit, db, get, transaction
from ...errors import Refusal
from ...models.company import Company, Setting
from ...models.machine import Actor
from ...models.people import User
from ...queries.invoices import electronic
from ...settings import FACTUR_X, REMINDER_DAYS, SALESPEOPLE_PAYMENT, SALESPEOPLE_SUBMIT, Definition
from ...states import reminder
from ..orders import approvals


def turn(key: str, value: Any, *, by: User) -> bool:
    """Whether anything changed. Raises Refusal `unknown_setting`, `out_of_bounds`, `needs_the_first`,
    `company_incomplete`."""
    definition = settings.ALL.get(key)
    if definition is None:
        raise Refusal("unknown_setting", "There is no setting %(key)s.", key=key)
    _check(definition, value)
    with transaction():
        access.demand(by, Permission.SETTINGS_EDIT)
        row = _locked(definition)
        before = row.value
        if before == value:
            return False
        if definition is SALESPEOPLE_PAYMENT and value and not settings.fresh(SALESPEOPLE_SUBMIT):
            raise Refusal(
                "needs_the_first", "This needs «%(setting)s» to be on.", setting=gettext(SALESPEOPLE_SUBMIT.title)
            )
        if definition is FACTUR_X and value:
            _check_company()
        row.value = value
        audit.note("setting.changed", key, by=Actor.of(by), before=before, after=value)
        _follow_up(definition, value, by)
    settings.forget()
    return True


def turn_all(values: Mapping[str, Any], *, by: User) -> int:
    """How many changed; all of them or, if one is refused, none. Raises Refusal as turn() does."""
    with transaction():
        return sum(turn(key, value, by=by) for key, value in values.items())


def _check(definition: Definition, value: Any) -> None:
    if type(value) is not type(definition.default):
        raise Refusal("out_of_bounds", "%(setting)s: this is not what it takes.", setting=gettext(definition.title))
    if definition.is_text:
        _check_text(definition, value)
        if definition is REMINDER_DAYS:
            _check_days(definition, value)
    elif not definition.is_switch and not definition.least <= value <= definition.most:
        raise Refusal(
            "out_of_bounds",
            "%(setting)s: take a whole number from %(least)s to %(most)s.",
            setting=gettext(definition.title),
            least=definition.least,
            most=definition.most,
        )


def _check_company() -> None:
    missing = electronic.company_lacks(get(Company, 1))
    if missing:
        raise Refusal(
            "company_incomplete",
            "Electronic invoices need more of the company first. %(missing)s",
            missing=" ".join(missing),
        )


def _check_text(definition: Definition, value: str) -> None:
    if not definition.least <= len(value) <= definition.most or not typed.kept(value) or value != value.strip():
        raise Refusal(
            "out_of_bounds",
            "%(setting)s: take %(least)s to %(most)s characters.",
            setting=gettext(definition.title),
            least=definition.least,
            most=definition.most,
        )


def _check_days(definition: Definition, value: str) -> None:
    try:
        reminder.parse(value)
    except ValueError:
        raise Refusal(
            "out_of_bounds",
            "%(setting)s: take one to %(most)s different days from %(least)s to %(latest)s, such as -3, 1, 7, 14.",
            setting=gettext(definition.title),
            most=reminder.MOST_STEPS,
            least=reminder.EARLIEST,
            latest=reminder.LATEST,
        ) from None


def _locked(definition: Definition) -> Setting:
    """Its row, made with the default if there is none yet: two first changes at once wait for each other, too."""
    dialect = db.session.get_bind().dialect.name
    row = upserts.insert(dialect, Setting).values(key=definition.key, value=definition.default)
    db.session.execute(row.on_conflict_do_nothing(index_elements=["key"]))
    return db.session.get_one(Setting, definition.key, with_for_update=True, populate_existing=True)


def _follow_up(definition: Definition, value: Any, by: User) -> None:
    """What else changes: whoever signed and was still to pay has nothing to pay now.

    Once this has committed: whoever pays holds an order and reads the switch, so nobody may do it the other way round.
    """
    if definition is SALESPEOPLE_PAYMENT and not value:
        actor = Actor.of(by)
        after_commit(lambda: approvals.release_due(by=actor))
