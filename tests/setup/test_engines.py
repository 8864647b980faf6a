"""Each engine is the real one, and each test finds it as good as new."""

import smtplib
from collections.abc import Callable

import psycopg
import pytest
import redis
from playwright.sync_api import Browser

from tests.engines import MailServer


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_postgres_databases_are_migrated_and_apart(postgres_url_factory: Callable[[], str]):
    with connect(postgres_url_factory()) as one, connect(postgres_url_factory()) as other:
        one.execute("DROP TABLE alembic_version")
        assert other.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_redis_answers(redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_mails_are_caught_or_refused(smtp_server: MailServer):
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:
        client.sendmail("us@company.example", ["ann@customer.example"], "Subject: Order\r\n\r\nHello\r\n")
        smtp_server.refusal = "451 try later"
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("us@company.example", ["ann@customer.example"], "Subject: Invoice\r\n\r\nHello\r\n")
    assert [mail.message["Subject"] for mail in smtp_server.mails] == ["Order"]


def test_the_browser_stays_on_this_machine(browser: Browser):
    page = browser.new_page()
    page.set_content("<h1>Order</h1>")
    assert page.inner_text("h1") == "Order"
    page.close()
