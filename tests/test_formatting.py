"""Figures and times as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from flask import Flask

from app import formatting
from app.money import CURRENCIES, Money, exponent

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def english(app: Flask):
    with app.test_request_context(), time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.usefixtures("english")
class TestFigures:
    @pytest.mark.parametrize(
        ("minor", "currency", "said"),
        [
            (4821000, "EUR", "€48,210.00"),
            (1200, "JPY", "JP¥1,200"),
            (1500, "KWD", "KWD\xa01.500"),
            (-5, "EUR", "-€0.05"),
            (123456, "RSD", "RSD\u00a01,234.56"),
            (1234567, "IQD", "IQD\u00a01,234.567"),
            (5, "CLF", "CLF\u00a00.0005"),
        ],
    )
    def test_money_has_its_currency_and_its_digits(self, minor, currency, said):
        assert formatting.money(Money(minor, currency)) == said

    def test_money_prints_as_many_digits_as_its_currency_has(self):
        for currency in CURRENCIES:
            said = formatting.money(Money(1, currency))
            assert len(said.rpartition(".")[2] if "." in said else "") == exponent(currency), currency

    @pytest.mark.parametrize(
        ("value", "said"), [("24.5", "€24.50"), ("0.0125", "€0.0125"), ("1150", "€1,150.00"), ("2.1200", "€2.12")]
    )
    def test_a_unit_price_shows_up_to_four_decimals(self, value, said):
        assert formatting.price(Decimal(value), "EUR") == said

    @pytest.mark.parametrize(("value", "said"), [("120.000", "120"), ("2.500", "2.5"), ("1200", "1,200"), ("0", "0")])
    def test_a_quantity_has_no_trailing_zeros(self, value, said):
        assert formatting.quantity(Decimal(value)) == said

    def test_percent_reads_percent_units(self):
        assert (formatting.percent(Decimal("19")), formatting.percent(Decimal("7.7"))) == ("19%", "7.7%")

    def test_file_sizes(self):
        assert [formatting.file_size(n) for n in (90, 312_400, 4_140_000)] == ["0.1 kB", "312 kB", "4.1 MB"]


@pytest.mark.usefixtures("english")
class TestTimes:
    @pytest.mark.parametrize(
        ("before", "said"),
        [
            (timedelta(seconds=20), "just now"),
            (timedelta(minutes=5), "5 minutes ago"),
            (timedelta(hours=2), "2 hours ago"),
            (timedelta(hours=20), "Yesterday 16:00"),
            (timedelta(days=3), "18 Nov 12:00"),
            (timedelta(days=400), "17 Oct 2025"),
            (-timedelta(days=5), "in 5 days"),
        ],
    )
    def test_ago(self, before, said):
        assert formatting.ago(NOW - before) == said

    def test_the_exact_time_names_its_zone(self):
        assert formatting.moment(NOW) == "21 November 2026, 12:00:00 UTC"

    def test_dates(self):
        assert formatting.day(date(2026, 12, 1)) == "1 Dec 2026"

    def test_initials(self):
        assert [formatting.initials(n) for n in ("Dana Reyes", "Cher", "Ana de la Cruz")] == ["DR", "C", "AC"]
