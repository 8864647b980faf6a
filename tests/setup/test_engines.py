"""Each engine is the real one, and each test finds it as good as new."""

import smtplib
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from playwright.sync_api import Browser

from app.db import db
from tests import plans
from tests.conftest import make_app
from tests.databases import Lender
from tests.engines import MailServer, Postgres


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_postgres_databases_are_migrated_and_apart(postgres_url_factory: Callable[[], str]):
    with connect(postgres_url_factory()) as one, connect(postgres_url_factory()) as other:
        one.execute("DROP TABLE alembic_version")
        assert other.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def contents(postgres: Postgres, name: str) -> dict[str, object]:
    """All rows of all tables, and where the sequences stand."""
    with postgres.connect(name) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {table: connection.execute(f'TABLE "{table}"').fetchall() for (table,) in tables}  # noqa: S608
        standing = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        return rows | {"sequences": connection.execute(standing).fetchall()}


def test_a_filled_database_is_lent_again_as_new(postgres: Postgres, tmp_path: Path):
    lender = Lender(postgres)
    name = lender.lend()
    new = contents(postgres, name)
    with make_app(postgres.url(name), tmp_path).app_context():
        plans.by_hand()  # rows in a dozen tables, from some of which triggers let nobody delete
        db.session.remove()
        db.engine.dispose()
    assert contents(postgres, name) != new
    forgotten = postgres.connect(name)
    lender.take_back(name)
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    assert lender.lend() == name
    assert contents(postgres, name) == new


@pytest.mark.parametrize(
    "alteration",
    ["DROP INDEX ix_audit_at", "ALTER TABLE setting DISABLE TRIGGER USER", "CREATE TABLE other (id int)"],
)
def test_an_altered_database_is_not_lent_again(postgres: Postgres, alteration: str):
    lender = Lender(postgres)
    name = lender.lend()
    with postgres.connect(name) as connection:
        connection.execute(alteration)
    lender.take_back(name)
    assert lender.free == []
    assert postgres.execute(f"SELECT FROM pg_database WHERE datname = '{name}'") == 0  # noqa: S608


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
