"""Routes by subject. Each module named here has a `bp`."""

from importlib import import_module

from flask import Flask

MODULES: tuple[str, ...] = (
    "health",
    "auth",
    "sandbox",
    "admin",
    "accounts",
    "quotes",
    "public",
    "documents",
    "orders",
    "search",
    "agreements",
    "dunning",
    "invoices",
    "logo",
    "trace",
    "payments",
    "receivables",
    "settlement",
    "reports",
    "disputes",
    "evidence_packs",
    "operations",
    "post",
    "events",
    "escalations",
    "metrics",
    "webhooks",
)


OUTSIDE_PRODUCTION: tuple[str, ...] = ("styleguide", "mailbox")


def register(app: Flask) -> None:
    for name in _modules(app):
        app.register_blueprint(import_module(f"{__name__}.{name}").bp)


def _modules(app: Flask) -> tuple[str, ...]:
    if app.config["PRODUCTION"]:
        return MODULES
    return MODULES + OUTSIDE_PRODUCTION + (("sandbox_console",) if app.config["SANDBOX"] else ())
