"""Settings from the environment, read once. Every variable is named COUNTERSIGN_…; docs/production.md lists them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ENVIRONMENTS = ("demo", "development", "test", "production")
ROOT = Path(__file__).resolve().parent.parent
STRIPE = "COUNTERSIGN_STRIPE_"


class Misconfigured(Exception):
    """The environment asks for something that cannot be; the message is one sentence for whoever starts it."""


def load(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Flask configuration from `environ`. Raises Misconfigured."""

    def read(name: str, default: str = "") -> str:
        return environ.get(f"COUNTERSIGN_{name}", default)

    environment = read("ENV", "demo")
    if environment not in ENVIRONMENTS:
        raise Misconfigured(f"COUNTERSIGN_ENV is {environment!r}; it must be one of {', '.join(ENVIRONMENTS)}.")
    production = environment == "production"
    instance = Path(read("INSTANCE", str(ROOT / "instance"))).resolve()
    instance.mkdir(parents=True, exist_ok=True)
    base_url = read("BASE_URL", f"http://127.0.0.1:{environ.get('PORT', '8000')}").rstrip("/")
    secure = base_url.startswith("https://")
    secret_key = _secret_key(read("SECRET_KEY"), production, instance)
    database = _database_url(read("DATABASE_URL"), production, instance)
    config: dict[str, Any] = {
        "ENVIRONMENT": environment,
        "PRODUCTION": production,
        "TESTING": environment == "test",
        "INSTANCE": instance,
        "BASE_URL": base_url,
        "SECRET_KEY": secret_key,
        "SECRET_KEY_FALLBACKS": read("SECRET_KEY_FALLBACKS").split(),
        "SQLALCHEMY_DATABASE_URI": database,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_pre_ping": not database.startswith("sqlite"),
            "hide_parameters": production,
        },
        "REDIS_URL": read("REDIS_URL", "" if production else "redis://127.0.0.1:6379/0"),
        "DEMO_HISTORY": read("DEMO_HISTORY", "on") == "on",
        "SANDBOX": _sandbox(read("SANDBOX"), production),
        "STRIPE": _stripe(environ),
        "SEAL": _seal(read("SEAL_CERTIFICATE"), read("SEAL_KEY"), read("SEAL_PASSPHRASE"), production, instance),
        "MAIL_TRANSPORT": read("MAIL_TRANSPORT", "smtp" if production else "mailbox"),
        "SMTP_URL": read("SMTP_URL"),
        "MAIL_FROM": read("MAIL_FROM"),
        "MAIL_WEBHOOK_SECRETS": _webhook_secrets(read("MAIL_WEBHOOK_SECRET"), production),
        "CHARGES_IN_FLIGHT": int(read("CHARGES_IN_FLIGHT") or 64),
        "FAILPOINT": "" if production else read("FAILPOINT"),
        "RATE_LIMITS": read("RATE_LIMITS", "on") == "on",
        "METRICS_TOKEN": read("METRICS_TOKEN"),
        "PROXIES": _number("PROXIES", read("PROXIES", "0")),
        "TRUSTED_HOSTS": [urlsplit(base_url).hostname, "localhost", "127.0.0.1"] if production else None,
        "MAX_CONTENT_LENGTH": 12 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "SESSION_COOKIE_NAME": "__Host-countersign" if secure else "countersign",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        "REMEMBER_COOKIE_DURATION": 0,
        "WTF_CSRF_SSL_STRICT": False,  # token pages send no Referer; Sec-Fetch-Site is checked in its place
        "WTF_CSRF_TIME_LIMIT": None,  # a form left open over lunch is no attack
        "SEND_FILE_MAX_AGE_DEFAULT": 31536000,
    }
    if production and not read("BASE_URL"):
        raise Misconfigured("COUNTERSIGN_BASE_URL is missing; the links in mails begin with it.")
    if production and not config["REDIS_URL"]:
        raise Misconfigured("COUNTERSIGN_REDIS_URL is missing; production needs a Redis for its jobs.")
    if config["MAIL_TRANSPORT"] == "smtp" and not config["SMTP_URL"]:
        raise Misconfigured("COUNTERSIGN_SMTP_URL is missing; mail is set to go out by SMTP.")
    if config["MAIL_TRANSPORT"] not in ("smtp", "mailbox"):
        raise Misconfigured("COUNTERSIGN_MAIL_TRANSPORT must be smtp or mailbox.")
    if production and config["MAIL_TRANSPORT"] == "mailbox":
        raise Misconfigured("The demo mailbox cannot stand in for mail in production; set COUNTERSIGN_SMTP_URL.")
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise Misconfigured("COUNTERSIGN_BASE_URL must be a whole address, like https://orders.company.example.")
    return config


def _number(name: str, given: str) -> int:
    if not given.isdigit():
        raise Misconfigured(f"COUNTERSIGN_{name} is {given!r}; it must be a whole number.")
    return int(given)


def _webhook_secrets(given: str, production: bool) -> tuple[str, ...]:
    """The one of today, then those that are being retired."""
    secrets = tuple(given.split())
    if production and any(len(secret) < 32 for secret in secrets):
        raise Misconfigured("COUNTERSIGN_MAIL_WEBHOOK_SECRET is too short; it needs at least 32 characters.")
    return secrets


def _secret_key(given: str, production: bool, instance: Path) -> str:
    if given:
        if production and len(given) < 32:
            raise Misconfigured("COUNTERSIGN_SECRET_KEY is too short; it needs at least 32 characters.")
        return given
    if production:
        raise Misconfigured("COUNTERSIGN_SECRET_KEY is missing; production does not start without one.")
    return _kept_key(instance / "secret-key")


def _kept_key(path: Path) -> str:
    """A random key made on first start, so that links and sessions outlive a restart. Safe against two first starts."""
    import secrets

    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text()


def _database_url(given: str, production: bool, instance: Path) -> str:
    if given.startswith("postgresql://"):
        return given.replace("postgresql://", "postgresql+psycopg://", 1)
    if given:
        return given
    if production:
        raise Misconfigured("COUNTERSIGN_DATABASE_URL is missing; production does not guess its database.")
    return f"sqlite:///{instance / 'countersign.sqlite3'}"


class Secrets(dict[str, str]):
    """Shows its names at most."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self)})"


def _stripe(environ: Mapping[str, str]) -> Secrets:
    """All of COUNTERSIGN_STRIPE_…, of however many accounts; `…_FILE` names the file that holds the value."""
    given = {n.removeprefix(STRIPE): v for n, v in environ.items() if n.startswith(STRIPE)}
    return Secrets({n.removesuffix("_FILE"): _held(n, v) if n.endswith("_FILE") else v for n, v in given.items()})


def _held(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{STRIPE}{name} names a file that cannot be read.") from error


@dataclass(frozen=True, slots=True)
class Seal:
    """Where the certificate that seals documents lies, and its key: PEM both, the certificate's chain behind it.

    `self_signed`: a worker makes the two itself, once, where there are none yet. Only workers need to read the files.
    """

    certificate: Path
    key: Path
    passphrase: str = field(default="", repr=False)
    self_signed: bool = False


def _seal(certificate: str, key: str, passphrase: str, production: bool, instance: Path) -> Seal | None:
    if certificate and key:
        return Seal(Path(certificate), Path(key), passphrase)
    if certificate or key:
        raise Misconfigured("COUNTERSIGN_SEAL_CERTIFICATE and COUNTERSIGN_SEAL_KEY belong together; one is missing.")
    if production:
        return None
    folder = instance / "seal"
    return Seal(folder / "certificate.pem", folder / "key.pem", self_signed=True)


def _sandbox(given: str, production: bool) -> bool:
    """The sandbox gateway approves invented money: in production only for whoever spells it out."""
    if not production:
        return given != "off"
    if given in ("", "off"):
        return False
    if given == "yes-take-no-real-money":
        return True
    raise Misconfigured(
        "COUNTERSIGN_SANDBOX is on; in production it must be off, or say yes-take-no-real-money if that is meant."
    )
