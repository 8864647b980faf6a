"""The search for card numbers finds what is planted; `test_production.py` uses it on a whole journey."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
import redis
from flask import Flask
from weasyprint import HTML

from app.db import db
from app.models import Company
from tests import card_numbers, factories
from tests.card_numbers import overheard

VISA = "4242424242424242"
WRITTEN = [VISA, "4242 4242 4242 4242", "4242-4242-4242-4242", '{"card": {"number": "4242424242424242"}}']


@pytest.mark.parametrize("said", WRITTEN)
def test_it_is_found_however_it_is_written(said: str) -> None:
    assert card_numbers.written(VISA).search(said)
    assert not card_numbers.written(VISA).search(said.replace("4242", "4343"))


@pytest.mark.parametrize("any_app", ["postgresql"], indirect=True)
def test_it_is_found_in_a_row(any_app: Flask) -> None:
    factories.company()
    assert card_numbers.in_database(VISA) == []
    db.session.get_one(Company, 1).street = "Card 4242 4242 4242 4242"
    db.session.flush()
    assert card_numbers.in_database(VISA) == ["company"]
    db.session.rollback()


def test_it_is_found_in_a_log_and_in_a_pdf(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_text("charge of 4242")
    (tmp_path / "web.log").write_text("POST /pay number=4242424242424242")
    HTML(string="<p>Paid with 4242 4242 4242 4242</p>").write_pdf(tmp_path / "receipt.pdf")
    assert card_numbers.in_files(tmp_path, VISA) == ["receipt.pdf", "web.log"]


@pytest.mark.parametrize("where", ["header", "body", "attachment"])
def test_it_is_found_in_a_mail(where: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Receipt"
    mail["X-Card"] = VISA if where == "header" else "none"
    mail.set_content(VISA if where == "body" else "Thank you.", cte="base64")
    pdf = HTML(string=f"<p>{VISA if where == 'attachment' else 'Paid'}</p>").write_pdf()
    mail.add_attachment(pdf, maintype="application", subtype="pdf")
    assert card_numbers.in_mails([mail], VISA) == ["Receipt"]
    assert card_numbers.in_mails([mail], "5555555555554444") == []


def test_it_is_overheard_on_its_way_to_redis(redis_url: str) -> None:
    with overheard(redis_url) as heard, redis.Redis.from_url(redis_url) as client:
        client.set("job", f'{{"number": "{VISA}"}}')
        client.delete("job")
    assert any(card_numbers.written(VISA).search(said) for said in heard)
