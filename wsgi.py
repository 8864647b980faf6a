"""The WSGI application, for a server and for the `flask` command."""

from app import create_app
from app.config import Misconfigured

try:
    app = create_app()
except Misconfigured as wrong:
    raise SystemExit(str(wrong)) from None
