"""Reports: one currency at a time, each chart with its table, each table as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from flask import Flask

from app import charts, clock, spreadsheet
from app.access import Role
from app.commands.office import settings as setting_commands
from app.commands.settlement import settlement
from app.db import end_read
from app.errors import Refusal
from app.gateways.sandbox import disputes
from app.money import Money
from tests import factories
from tests.conftest import Client
from tests.paid_out import gateway_id, line, paid, pay_out, payout, sync
from tests.statements import counted

REPORTS = ("gateway-mix", "fees", "payouts")


@pytest.fixture
def reader(client: Client) -> Client:
    factories.company()
    return client.sign_in(factories.user(Role.READ_ONLY))


def rows(client: Client, path: str) -> list[dict[str, str]]:
    answer = client.get(f"/reports/{path}")
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_mix_counts_what_was_taken_and_declined(reader: Client) -> None:
    paid(2)
    paid(1, "insufficient-funds")
    (row,) = rows(reader, "gateway-mix.csv")
    assert (row["Payments"], row["Volume"], row["Share in %"]) == ("2", "821.10", "100.0")
    assert (row["Declines"], row["Declined in %"]) == ("1", "33.3")
    told = reader.get("/reports/gateway-mix").text
    assert "€821.10" in told and "1 of 3" in told and "(33.3%)" in told


def test_fees_are_told_by_brand_and_what_no_card_is_behind_apart(reader: Client) -> None:
    charge, *_ = paid()
    paid(1, "mastercard")
    end_read()
    disputes.open_one("sandbox", charge.provider_id, inquiry=False)
    pay_out()
    sync()
    found = {r["Brand"]: r for r in rows(reader, "fees.csv")}
    assert found["Visa"]["Fees"] == found["Mastercard"]["Fees"] == "6.41"
    assert found["Visa"]["Rate in %"] == "1.56"
    assert found["Other fees"]["Fees"] == "15.00" and found["Other fees"]["Rate in %"] == ""


def test_payouts_come_to_what_batches_say(reader: Client) -> None:
    paid(2)
    pay_out()
    sync()
    (row,) = rows(reader, "payouts.csv")
    assert Decimal(row["Charges"]) - Decimal(row["Fees"]) == Decimal(row["Net"])
    assert "/settlement/?" not in reader.get("/reports/payouts").text, "who may not see settlements gets no link"


def test_currencies_are_never_mixed(reader: Client) -> None:
    paid()
    paid(1, customer=factories.account(currency="USD"))
    for currency in ("EUR", "USD"):
        (row,) = rows(reader, f"gateway-mix.csv?currency={currency}")
        assert (row["Currency"], row["Payments"]) == (currency, "1")
    told = reader.get("/reports/gateway-mix?currency=USD").text
    assert "US$410.55" in told and "€410.55" not in told


def test_a_payment_late_on_the_last_evening_belongs_to_the_company_s_month(reader: Client) -> None:
    with time_machine.travel("2026-10-31T23:30:00+00:00", tick=False):  # it is November in Berlin
        paid()
    assert [r["Month"] for r in rows(reader, "gateway-mix.csv?from=2026-09&to=2026-12")] == ["2026-11"]


@pytest.mark.parametrize("query", ["from=x&to=y&currency=QQQ", "from=2030-01&to=2020-01", "from=1991-01", "gateway=x"])
def test_whatever_the_address_says_there_is_a_page(reader: Client, query: str) -> None:
    paid()
    for report in REPORTS:
        assert reader.get(f"/reports/{report}?{query}").status_code == 200
    assert reader.get(f"/reports/accounting?month={query}").status_code == 200


def test_the_journal_is_shown_in_sums_and_saved_in_entries(reader: Client) -> None:
    paid()
    month = f"{clock.today(factories.ZONE):%Y-%m}"
    assert "€410.55" in reader.get(f"/reports/accounting?month={month}").text
    found = rows(reader, f"accounting.csv?month={month}")
    assert sorted((r["Account"], r["Debit"], r["Credit"]) for r in found) == [
        ("1200", "0.00", "410.55"),
        ("1200", "345.00", "0.00"),
        ("1200", "65.55", "0.00"),
        ("1360", "410.55", "0.00"),
        ("3800", "0.00", "65.55"),
        ("4400", "0.00", "345.00"),
    ]
    admin = factories.user(Role.ADMIN)
    setting_commands.turn("accounting.clearing", "K-17", by=admin)
    assert "K-17" in {row["Account"] for row in rows(reader, f"accounting.csv?month={month}")}


@pytest.mark.parametrize("code", ["", "x" * 21, " 1200", "12\x0000", 7])
def test_an_account_code_is_a_short_text(app: Flask, code: object) -> None:
    with pytest.raises(Refusal) as refused:
        setting_commands.turn("accounting.clearing", code, by=factories.user(Role.ADMIN))
    assert refused.value.code == "out_of_bounds"


def test_account_codes_are_settings(client: Client) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    page = client.get("/admin/settings").text
    assert "Account codes of the accounting export" in page and 'value="1360"' in page


def test_reports_cost_the_same_however_much_there_is(reader: Client) -> None:
    counts: dict[str, set[int]] = {}
    for round in (1, 2):
        paid(round)
        for n in range(round * 4):
            at = clock.now() - timedelta(days=20 * n)
            settlement.write(
                gateway_id(), payout(line(provider_id=f"{round}.{n}"), provider_id=f"po-{round}-{n}", at=at)
            )
        for path in (*REPORTS, "accounting"):
            reader.get(f"/reports/{path}")
            with counted() as seen:
                reader.get(f"/reports/{path}")
            counts.setdefault(path, set()).add(len(seen))
    assert all(len(found) == 1 and max(found) <= 9 for found in counts.values()), counts


@pytest.mark.engines
def test_both_engines_count_alike(any_app: Flask) -> None:
    paid(1, "mastercard")
    pay_out()
    sync()
    client: Client = any_app.test_client()  # type: ignore[assignment]
    client.sign_in(factories.user(Role.READ_ONLY))
    assert [r["Brand"] for r in rows(client, "fees.csv")] == ["Mastercard"]
    assert [r["Payments"] for r in rows(client, "gateway-mix.csv")] == ["1"]
    assert [r["Payouts"] for r in rows(client, "payouts.csv")] == ["1"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_is_taken_for_a_formula(app: Flask, text: str) -> None:
    assert spreadsheet.cell(text) == f"'{text}"


def test_figures_keep_their_sign_and_texts_their_own_quotes(app: Flask) -> None:
    assert spreadsheet.cell(Money(-1250, "EUR")) == "-12.50" and spreadsheet.cell(Money(7, "JPY")) == "7"
    assert spreadsheet.written(["a"], [['say "x", y']]) == 'a\r\n"say ""x"", y"\r\n'


def test_ticks_are_few_round_and_above() -> None:
    for highest in (0, 1, 3, 4, 5, 99, 1001, 123_456_789):
        found = charts.ticks(highest)
        assert found[0] == 0 and found[-1] >= highest and len(found) <= charts.STEPS + 1


def test_a_column_is_as_high_as_its_value_and_stands_on_the_one_below() -> None:
    series = [charts.Series("a", (50, 0), ("50", "0")), charts.Series("b", (50, 100), ("50", "100"))]
    chart = charts.columns("c", "t", "s", labels=["1", "2"], series=series, scale=[(0, ""), (100, "100")])
    low, high, whole = chart.boxes
    assert low.height == high.height == charts.HEIGHT / 2 and whole.height == charts.HEIGHT
    assert high.y + high.height == low.y and low.y + low.height == chart.floor
