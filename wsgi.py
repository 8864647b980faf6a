"""The WSGI application, for a server and for the `flask` command."""

import gc

gc.disable()  # what starting makes stays for good: to look through it for rubbish, again and again, takes a tenth of it

from app import create_app  # noqa: E402
from app.config import Misconfigured  # noqa: E402

try:
    app = create_app()
except Misconfigured as wrong:
    raise SystemExit(str(wrong)) from None

gc.freeze()
gc.enable()
