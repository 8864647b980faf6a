"""The address where processors tell what happened."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.commands.payments import notices
from app.db import db
from app.models import ProcessorEvent
from tests import factories
from tests.commands.payments.test_notices import body
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture(autouse=True)
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    factories.company()
    scripted = ScriptedGateway()
    monkeypatch.setattr(notices.registry, "get", lambda row: scripted)
    return scripted


def post(client: Client, signature: str = "good", gateway: str = "sandbox", **facts: object) -> tuple[int, object]:
    answer = client.post(f"/webhooks/{gateway}", data=body(**facts), headers={"Signature": signature})
    return answer.status_code, answer.get_json(silent=True)


def test_an_event_is_stored_and_answered_at_once(client: Client) -> None:
    assert post(client) == (200, {"received": True, "new": True})
    assert post(client) == (200, {"received": True, "new": False})
    assert db.session.scalar(select(func.count(ProcessorEvent.id))) == 1


def test_a_forged_one_is_a_400(client: Client) -> None:
    assert post(client, signature="guessed") == (400, {"error": "forged"})
    assert db.session.scalar(select(func.count(ProcessorEvent.id))) == 0


def test_an_unknown_gateway_is_a_404(client: Client) -> None:
    assert post(client, gateway="elsewhere")[0] == 404


def test_a_huge_one_is_a_413(client: Client) -> None:
    assert post(client, padding="x" * (600 * 1024))[0] == 413


@pytest.mark.parametrize(("path", "most"), [("/webhooks/sandbox", 512), ("/webhooks/mail", 64)])
def test_a_huge_one_in_pieces_that_do_not_say_how_many_is_a_413(
    app: Flask, client: Client, path: str, most: int
) -> None:
    app.config["MAIL_WEBHOOK_SECRETS"] = ("s" * 40,)
    body = io.BytesIO(b"x" * (most * 1024 + 1))
    answer = client.post(path, input_stream=body, environ_overrides={"wsgi.input_terminated": True})
    assert answer.status_code == 413
