"""Countersign: from an approved quote to settled cash."""

from __future__ import annotations

from typing import Any

from flask import Flask
from jinja2 import StrictUndefined

from . import access, addresses, blueprints, config, failures, logs, migrating, navigation, security
from .db import db as database
from .extensions import babel, csrf, htmx, limiter, login


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """The application, from the environment and `overrides`. Raises config.Misconfigured."""
    settings = config.load() | (overrides or {})
    app = Flask(__name__, instance_path=str(settings["INSTANCE"]))
    app.config.from_mapping(settings)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    logs.configure(app)
    _extensions(app)
    from . import assets, badges, formatting, icons, language
    from . import models as models  # the mappers must know every table
    from .demo import cli as demo_commands
    from .documents import cli as document_commands
    from .gateways import cli as gateway_commands
    from .jobs import cli as job_commands

    looks = (language, formatting, icons, badges, assets)
    clis = (job_commands, demo_commands, gateway_commands, document_commands)
    for part in (addresses, security, failures, navigation, *looks, blueprints, *clis):
        part.register(app)
    app.jinja_env.globals["can"] = access.can
    return app


def _extensions(app: Flask) -> None:
    app.config.setdefault("RATELIMIT_ENABLED", app.config["RATE_LIMITS"])
    app.config.setdefault("RATELIMIT_STORAGE_URI", app.config["REDIS_URL"] or "memory://")
    app.config.setdefault("RATELIMIT_STORAGE_OPTIONS", {"socket_connect_timeout": 1, "socket_timeout": 1})
    database.init_app(app)
    if migrating.is_possible():
        migrating.bind(app)
    babel.init_app(app)
    csrf.init_app(app)
    htmx.init_app(app)
    limiter.init_app(app)
    login.init_app(app)
