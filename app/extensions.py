"""Unbound extensions; create_app binds them."""

from typing import Any

from flask import g
from flask_babel import Babel, Domain
from flask_htmx import HTMX
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect


class Catalogues(Domain):
    """Kept by the process and asked once a request, by templates and by `from flask_babel import gettext` alike."""

    def get_translations(self) -> Any:
        try:
            return g.catalogue
        except AttributeError:
            g.catalogue = super().get_translations()
            return g.catalogue


catalogues = Catalogues()


class Languages(Babel):
    domain_instance = catalogues


babel = Languages()
csrf = CSRFProtect()
htmx = HTMX()
limiter = Limiter(get_remote_address, in_memory_fallback_enabled=True)
login = LoginManager()
