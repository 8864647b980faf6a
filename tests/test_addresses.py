"""How addresses are built; what comes in by them is tested by hostile input."""

from __future__ import annotations

import pytest
from flask import Flask, url_for

from app import addresses


def test_an_address_is_built_with_its_values_quoted_and_the_rest_in_the_query(app: Flask) -> None:
    with app.test_request_context():
        assert url_for("orders.show", number="SO 1", tab="a&b") == "/orders/SO%201?tab=a%26b"
        assert url_for("orders.show", number="SO-1", rule="x") == "/orders/SO-1?rule=x"


def test_how_is_compiled_once_and_only_for_addresses_that_are_asked_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    compiled = addresses.AnyRule._compile_builder

    def counted(rule: addresses.AnyRule, append_unknown: bool = True) -> object:
        asked.append(rule.rule)
        return compiled(rule, append_unknown)

    monkeypatch.setattr(addresses.AnyRule, "_compile_builder", counted)
    app.add_url_rule("/here/<int:number>", endpoint="here")
    app.add_url_rule("/there/<int:number>", endpoint="there")
    with app.test_request_context():
        assert url_for("here", number=1) == "/here/1" and url_for("here", number=2) == "/here/2"
    assert [rule for rule in asked if not rule.startswith("/static/")] == ["/here/<int:number>"]
