"""Settings from the environment: what production refuses to start with, and what it starts with by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import config
from app.config import Misconfigured

PRODUCTION = {
    "ENV": "production",
    "BASE_URL": "https://orders.company.test",
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "DATABASE_URL": "postgresql://countersign@db/countersign",
    "REDIS_URL": "redis://redis/0",
    "SMTP_URL": "smtp://mail",
    "MAIL_FROM": "Orders <orders@company.test>",
}

REFUSALS = {
    "COUNTERSIGN_ENV is 'prod'; it must be one of demo, development, test, production.": {"ENV": "prod"},
    "COUNTERSIGN_BASE_URL is missing; the links in mails begin with it.": {"BASE_URL": ""},
    "COUNTERSIGN_BASE_URL must be a whole address, like https://orders.company.example.": {"BASE_URL": "orders.test"},
    "COUNTERSIGN_SECRET_KEY is missing; production does not start without one.": {"SECRET_KEY": ""},
    "COUNTERSIGN_SECRET_KEY is too short; it needs at least 32 characters.": {"SECRET_KEY": "short"},
    "COUNTERSIGN_DATABASE_URL is missing; production does not guess its database.": {"DATABASE_URL": ""},
    "COUNTERSIGN_REDIS_URL is missing; production needs a Redis for its jobs.": {"REDIS_URL": ""},
    "COUNTERSIGN_SMTP_URL is missing; mail is set to go out by SMTP.": {"SMTP_URL": ""},
    "COUNTERSIGN_MAIL_TRANSPORT must be smtp or mailbox.": {"MAIL_TRANSPORT": "pigeon"},
    "The demo mailbox cannot stand in for mail in production; set COUNTERSIGN_SMTP_URL.": {"MAIL_TRANSPORT": "mailbox"},
    "COUNTERSIGN_MAIL_WEBHOOK_SECRET is too short; it needs at least 32 characters.": {
        "MAIL_WEBHOOK_SECRET": f"{'x' * 40} short"
    },
    "COUNTERSIGN_PROXIES is 'two'; it must be a whole number.": {"PROXIES": "two"},
    "COUNTERSIGN_SANDBOX is on; in production it must be off, or say yes-take-no-real-money if that is meant.": {
        "SANDBOX": "on"
    },
    "COUNTERSIGN_SEAL_CERTIFICATE and COUNTERSIGN_SEAL_KEY belong together; one is missing.": {"SEAL_KEY": "/seal.pem"},
    "COUNTERSIGN_STRIPE_SECRET_KEY_FILE names a file that cannot be read.": {"STRIPE_SECRET_KEY_FILE": "/nowhere/key"},
}


def environ(folder: Path, **settings: str) -> dict[str, str]:
    return {f"COUNTERSIGN_{name}": value for name, value in ({"INSTANCE": str(folder)} | settings).items()}


def production(folder: Path, **changes: str) -> dict[str, str]:
    return environ(folder, **(PRODUCTION | changes))


@pytest.mark.parametrize("sentence", REFUSALS)
def test_production_does_not_start_half_set_up(tmp_path: Path, sentence: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        config.load(production(tmp_path, **REFUSALS[sentence]))
    assert str(refusal.value) == sentence


def test_every_sentence_is_tried() -> None:
    source = (config.ROOT / "app" / "config.py").read_text()
    assert source.count("raise Misconfigured(") == len(REFUSALS)


def test_production_starts_when_it_is_set_up(tmp_path: Path) -> None:
    settings = config.load(production(tmp_path, FAILPOINT="charge.in_call"))
    assert settings["SANDBOX"] is False and settings["FAILPOINT"] == ""
    assert settings["SESSION_COOKIE_SECURE"] and settings["SQLALCHEMY_ENGINE_OPTIONS"]["hide_parameters"]
    assert settings["SQLALCHEMY_DATABASE_URI"].startswith("postgresql+psycopg://")


def test_the_sandbox_is_on_in_production_only_for_whoever_spells_it_out(tmp_path: Path) -> None:
    assert config.load(production(tmp_path, SANDBOX="yes-take-no-real-money"))["SANDBOX"] is True
    assert config.load(production(tmp_path, SANDBOX="off"))["SANDBOX"] is False


def test_stripes_secrets_come_from_the_environment_or_a_file_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk_test_from_file\n")
    given = {"STRIPE_EU_SECRET_KEY_FILE": str(tmp_path / "key"), "STRIPE_WEBHOOK_SECRET": "whsec_shy"}
    secrets = config.load(environ(tmp_path, **given))["STRIPE"]
    assert secrets == {"EU_SECRET_KEY": "sk_test_from_file", "WEBHOOK_SECRET": "whsec_shy"}
    assert repr(secrets) == "Secrets(EU_SECRET_KEY, WEBHOOK_SECRET)"


def test_a_demo_needs_nothing_and_keeps_its_key(tmp_path: Path) -> None:
    first, second = (config.load(environ(tmp_path)) for _ in range(2))
    assert first["SECRET_KEY"] == second["SECRET_KEY"] and len(first["SECRET_KEY"]) >= 32
    assert first["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/countersign.sqlite3"
    assert (first["MAIL_TRANSPORT"], first["SANDBOX"], first["PRODUCTION"]) == ("mailbox", True, False)
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0
