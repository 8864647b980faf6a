"""Recovery: the stories of declined periods, and what people do about one."""

from flask import Blueprint

bp = Blueprint("dunning", __name__, url_prefix="/recovery")

from . import acting, pages  # noqa: E402, F401  (their routes)
