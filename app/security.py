"""Headers on every answer, the CSP nonce, and the second check of where a post comes from.

Sources: W3C CSP 3; OWASP ASVS 4.0 14.4; W3C Fetch Metadata.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from flask import Flask, Response, abort, current_app, g, request
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

# A mail brings its own styles and nothing else; it is framed by the page around it, and leads nowhere.
MAIL_PREVIEW = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'self'; sandbox"
)


def csp_nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def widen(sources: Mapping[str, Iterable[str]]) -> None:
    """Let this one answer load from `sources` as well, by directive: a gateway's card field comes from elsewhere."""
    kept = g.setdefault("csp_sources", {})
    for directive, places in sources.items():
        kept.setdefault(directive, []).extend(places)


def _policy() -> str:
    """Views may `widen` where things come from, or set `g.csp_frame_ancestors` (what may be framed)."""
    nonce = csp_nonce()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}' 'strict-dynamic'",
            f"style-src 'self' 'nonce-{nonce}'",
            _from("img-src", "'self' data:"),
            _from("font-src", "'self'"),
            _from("connect-src", "'self'"),
            _from("frame-src", "'self'"),
            f"frame-ancestors {g.get('csp_frame_ancestors', chr(39) + 'none' + chr(39))}",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
        )
    )


def _from(directive: str, places: str) -> str:
    return " ".join((directive, places, *g.get("csp_sources", {}).get(directive, ())))


def _headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer" if g.get("token_page") else "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(self)")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static":
        response.vary.update(("HX-Request", "HX-Request-Type"))
        if g.get("token_page") or getattr(current_user, "is_authenticated", False):
            headers.setdefault("Cache-Control", "no-store")
    return response


def _refuse_cross_site() -> None:
    """A browser that says a post comes from another site is believed; CSRF tokens stay the first check."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not request.path.startswith("/webhooks/"):
        abort(400)


def register(app: Flask) -> None:
    if proxies := app.config["PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.before_request(_refuse_cross_site)
    app.after_request(_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
