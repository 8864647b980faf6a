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
    "invoices",
    "payments",
    "disputes",
    "evidence_packs",
    "metrics",
    "webhooks",
)


OUTSIDE_PRODUCTION: tuple[str, ...] = ("styleguide", "mailbox")


def register(app: Flask) -> None:
    for name in MODULES if app.config["PRODUCTION"] else MODULES + OUTSIDE_PRODUCTION:
        app.register_blueprint(import_module(f"{__name__}.{name}").bp)
