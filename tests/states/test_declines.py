"""The decline table: every code, every advice, and what a customer must never read."""

from __future__ import annotations

import re

import pytest

from app.states.declines import ADVICE, GENERIC, TABLE, DeclineClass, explain

K = DeclineClass

# The rule of the product, by code; the table must say the same.
CLASSES: dict[DeclineClass, set[str]] = {
    K.RETRY_LATER: {
        "insufficient_funds",
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "processing_error",
        "issuer_not_available",
        "reenter_transaction",
        "try_again_later",
        "approve_with_id",
        "call_issuer",
        "card_declined",
        "do_not_honor",
        "generic_decline",
        "no_action_taken",
        "duplicate_transaction",
    },
    K.AUTHENTICATE: {"authentication_required", "authentication_failed"},
    K.NEW_METHOD: {
        "expired_card",
        "incorrect_number",
        "invalid_number",
        "incorrect_cvc",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "incorrect_zip",
        "incorrect_address",
        "new_account_information_available",
        "card_not_supported",
        "currency_not_supported",
        "invalid_account",
        "invalid_amount",
        "not_permitted",
        "service_not_allowed",
        "transaction_not_allowed",
        "testmode_decline",
        "incorrect_pin",
        "invalid_pin",
        "pin_try_exceeded",
        "offline_pin_required",
        "online_or_offline_pin_required",
    },
    K.STOP: {
        "lost_card",
        "stolen_card",
        "pickup_card",
        "fraudulent",
        "highest_risk_level",
        "merchant_blacklist",
        "security_violation",
        "restricted_card",
        "do_not_try_again",
        "previously_declined_do_not_retry",
        "stop_payment_order",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
    },
}
SECRET = re.compile(r"lost|stolen|fraud|pick|restrict|block|risk|security problem|suspect", re.IGNORECASE)


def test_the_table_has_exactly_the_codes_of_the_rule() -> None:
    assert set().union(*CLASSES.values()) == set(TABLE)
    assert sum(map(len, CLASSES.values())) == len(TABLE)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind in CLASSES for code in sorted(CLASSES[kind])])
def test_every_code_has_its_class_and_words(kind: DeclineClass, code: str) -> None:
    decline = explain(code)
    assert decline.kind is kind
    assert decline.code == code
    assert bool(decline.retry) is (kind in (K.RETRY_LATER, K.AUTHENTICATE))
    of_payment = code in ("invalid_amount", "currency_not_supported")
    assert decline.needs_other_card is (kind in (K.NEW_METHOD, K.STOP) and not of_payment)
    for words in (decline.reason, decline.next_step, decline.staff, decline.staff_next):
        assert words[0].isupper() and words.endswith(".")


@pytest.mark.parametrize("advice", [None, *ADVICE])
@pytest.mark.parametrize("code", [*sorted(CLASSES[K.STOP]), "never_heard_of", None])
def test_why_a_card_was_stopped_is_never_told_to_its_holder(code: str | None, advice: str | None) -> None:
    decline = explain(code, advice)
    assert decline.reason == GENERIC
    assert not SECRET.search(decline.reason + decline.next_step)


@pytest.mark.parametrize("code", [*TABLE, "never_heard_of"])
@pytest.mark.parametrize(
    ("advice", "kind"),
    [("try_again_later", K.RETRY_LATER), ("do_not_try_again", K.STOP), ("confirm_card_data", K.NEW_METHOD)],
)
def test_the_processors_advice_wins(code: str, advice: str, kind: DeclineClass) -> None:
    advised, plain = explain(code, advice), explain(code)
    assert advised.kind is kind
    assert (advised.reason, advised.staff) == (plain.reason, plain.staff)
    if plain.kind is kind:
        assert advised == plain


@pytest.mark.parametrize("code", ["never_heard_of", "", None])
def test_an_unknown_code_counts_as_stop(code: str | None) -> None:
    decline = explain(code)
    assert (decline.kind, decline.retry, decline.code) == (K.STOP, "", code or "unknown")


def test_advice_nobody_has_heard_of_changes_nothing() -> None:
    assert explain("insufficient_funds", "dance") == explain("insufficient_funds")


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        ("insufficient_funds", "in a few days"),
        ("processing_error", "in a few hours"),
        ("generic_decline", "once or twice more"),
    ],
)
def test_retry_windows(code: str, retry: str) -> None:
    assert explain(code).retry == retry


def test_only_a_revocation_stops_the_plan() -> None:
    assert {code for code in TABLE if explain(code).stops_plan} == {
        "stop_payment_order",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
    }
