"""Payment agreements: their list, their page, making one by hand, and what people do with one."""

from flask import Blueprint

bp = Blueprint("agreements", __name__, url_prefix="/agreements")

from . import acting, changing, collecting, dunning, mails, making, pages, renewing, running  # noqa: E402, F401
