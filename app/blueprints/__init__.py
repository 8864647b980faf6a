"""Routes by subject. Each module named here has a `bp`."""

from importlib import import_module

from flask import Flask

MODULES: tuple[str, ...] = ("health", "auth")


def register(app: Flask) -> None:
    for name in MODULES:
        app.register_blueprint(import_module(f"{__name__}.{name}").bp)
