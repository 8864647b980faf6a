"""Which policy is the standard one, when two admins choose at once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import audit
from app.access import Role
from app.commands.dunning import policies
from app.db import db, end_read, get
from app.models import DunningPolicy, User
from app.states.dunning import Plan
from tests import factories
from tests.racing import race


@pytest.mark.engines
def test_two_who_choose_a_standard_policy_at_once_leave_one(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = factories.user(Role.ADMIN)
    plan = Plan.from_dict(policies.current(None).content)
    made = [policies.save(None, f"Policy {n}", plan, by=admin).id for n in (1, 2)]
    admin_id = admin.id
    end_read()
    note = audit.note

    def slowly(*args: Any, **facts: Any) -> None:
        time.sleep(0.2)  # the other one looks meanwhile, or waits
        note(*args, **facts)

    monkeypatch.setattr(policies.audit, "note", slowly)
    calls = [lambda id=id: policies.make_standard(id, by=get(User, admin_id)) for id in made]
    assert not [result for result in race(any_app, calls) if isinstance(result, BaseException)]
    (standard,) = db.session.scalars(select(DunningPolicy.id).where(DunningPolicy.standard)).all()
    assert standard in made
