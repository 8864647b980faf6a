"""Every kind of mail has somebody it goes to, by the table that Order Email Settings show."""

from __future__ import annotations

from app.mail import dunning_kinds, kinds, policy

# Whoever has the link of these can sign, or adds a card of their own.
TO_ONE = {"approval_request", "method_request", dunning_kinds.CardNeeded.kind, dunning_kinds.CardExpires.kind}


def test_each_kind_goes_by_a_rule_to_colleagues_or_to_one_person() -> None:
    known = [*policy.RULES, *policy.TO_COLLEAGUES, *TO_ONE]
    assert sorted(known) == sorted(kind.kind for kind in kinds.KINDS)
