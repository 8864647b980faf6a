"""What stands before the public pages: limits, and forms that come from elsewhere."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from app.db import db
from app.models import Signature
from tests.blueprints.public.customer import invited
from tests.conftest import Client, make_app


def test_asking_for_new_links_is_limited(client: Client, app: Flask, tmp_path: Path) -> None:
    invited(client)
    client = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, RATE_LIMITS=True).test_client()  # type: ignore[assignment]
    answers = [client.post("/approve/nothing/new-link") for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert "That was too often." in answers[-1].text
    assert answers[-1].headers["Referrer-Policy"] == "no-referrer"


def test_a_form_without_its_token_signs_nothing(client: Client, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    customer = invited(client)
    answer = customer.sign()
    assert answer.status_code == 400
    assert "This page was open for too long." in answer.text
    assert db.session.scalar(select(func.count(Signature.id))) == 0


def test_a_post_from_another_site_signs_nothing(client: Client) -> None:
    customer = invited(client)
    answer = client.post(f"{customer.url}/sign", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
