"""Signing in and out, passwords, and one's own account."""

from flask import Blueprint

bp = Blueprint("auth", __name__, cli_group="users")

bp.cli.help = "Who may sign in."

from . import account, cli, password_link, session, sign_in  # noqa: E402, F401  (they hang their routes on bp)
