"""What protects every page: headers, tokens of forms, where a post comes from, cookies, and silence about secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask, abort

from app import config, links
from app.access import Role, public
from app.errors import Refusal
from app.hypermedia import safe_next
from tests import factories
from tests.conftest import Client, make_app
from tests.house import routes
from tests.test_config import production

HTTPS = "https://countersign.test"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def app_like(app: Flask, folder: Path, **changes: object) -> Flask:
    return make_app(app.config["SQLALCHEMY_DATABASE_URI"], folder, **changes)


@pytest.fixture
def strict(app: Flask, tmp_path: Path) -> Flask:
    """As in production: form tokens asked for, errors answered instead of raised, HTTPS."""
    secure = {"SESSION_COOKIE_SECURE": True, "BASE_URL": HTTPS}
    application = app_like(app, tmp_path, TESTING=False, WTF_CSRF_ENABLED=True, PROPAGATE_EXCEPTIONS=False, **secure)

    @application.get("/break")
    @public
    def break_() -> str:
        raise RuntimeError("the password is hunter2")

    @application.get("/refuse")
    @public
    def refuse() -> str:
        raise Refusal("no", "This is not done here.", "Ask the porter.")

    @application.get("/<int:code>")
    @public
    def stop(code: int) -> str:
        abort(code)

    return application


KINDS = [
    ("/", {}),
    ("/sign-in", {}),
    ("/your-account", {}),
    ("/your-account", FRAGMENT),
    ("/health", {}),
    ("/static/favicon.svg", {}),
    ("/nowhere", {}),
    ("/break", {}),
    ("/break", FRAGMENT),
    ("/refuse", {}),
    ("/refuse", FRAGMENT),
]


@pytest.mark.parametrize(("path", "headers"), KINDS)
@pytest.mark.parametrize("inside", [True, False])
def test_every_answer_carries_its_headers(strict: Flask, path: str, headers: dict[str, str], inside: bool) -> None:
    client = strict.test_client()
    if inside:
        client.sign_in(factories.user(Role.ADMIN), HTTPS)
    answer = client.get(path, headers=headers, base_url=HTTPS)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in str(policy) and "*" not in str(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    if inside and not path.startswith("/static"):
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"HX-Request", "HX-Request-Type", "Cookie"} <= set(answer.vary)


def test_every_page_has_a_nonce_of_its_own_on_all_its_scripts(client: Client) -> None:
    nonces = set()
    for _ in range(2):
        answer = client.get("/sign-in")
        (nonce,) = re.findall(r"script-src 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        assert re.findall(r"<script([^>]*)>", answer.text) and all(
            f'nonce="{nonce}"' in tag for tag in re.findall(r"<script([^>]*)>", answer.text)
        )
        nonces.add(nonce)
    assert len(nonces) == 2


# Machines post there and prove themselves by a signature over the body.
WITHOUT_FORM_TOKEN = "/webhooks/"


def test_every_post_needs_its_form_token(strict: Flask) -> None:
    client = strict.test_client().sign_in(factories.user(Role.ADMIN), HTTPS)
    posts = [
        r for r in routes.rules(strict) if "POST" in (r.methods or ()) and not r.rule.startswith(WITHOUT_FORM_TOKEN)
    ]
    assert posts
    for rule in posts:
        answer = client.post(routes.build(rule, {"token": "x"}), base_url=HTTPS)
        assert answer.status_code == 400, rule.rule
        assert "open for too long" in answer.text


def test_no_post_from_another_site_is_taken(app: Flask, client: Client) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    for rule in routes.rules(app):
        if "POST" not in (rule.methods or ()) or rule.rule.startswith(WITHOUT_FORM_TOKEN):
            continue
        answer = client.post(routes.build(rule, {"token": "x"}), headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 400, rule.rule


def test_a_form_with_its_token_is_taken(strict: Flask) -> None:
    client = strict.test_client()
    page = client.get("/sign-in", base_url=HTTPS).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]  # type: ignore[index]
    form = {"csrf_token": token, "email": "nobody@brightwater.test", "password": "wrong horse"}
    assert client.post("/sign-in", data=form, base_url=HTTPS).status_code == 422


def test_cookies_are_for_this_site_and_not_for_scripts(app: Flask, tmp_path: Path) -> None:
    settings = config.load({"COUNTERSIGN_BASE_URL": "https://orders.test", "COUNTERSIGN_INSTANCE": str(tmp_path)})
    cookies = {name: settings[name] for name in settings if name.startswith("SESSION_COOKIE")}
    client = app_like(app, tmp_path, WTF_CSRF_ENABLED=True, **cookies).test_client()
    (cookie,) = client.get("/sign-in", base_url="https://orders.test").headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-countersign=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_an_error_says_nothing_about_its_cause(strict: Flask, headers: dict[str, str]) -> None:
    answer = strict.test_client().get("/break", headers=headers)
    assert answer.status_code == 500 and "went wrong on our side" in answer.text
    assert not any(word in answer.text for word in ("hunter2", "Traceback", "RuntimeError", ".py"))


@pytest.mark.parametrize("code", [400, 403, 404, 405, 409, 413, 429, 500, 503, 418])
def test_every_error_has_a_page_in_words(strict: Flask, code: int) -> None:
    page = strict.test_client().get(f"/{code}").text
    assert page.count("<h1") == 1 and page.count('class="button primary"') == 1


def test_a_refusal_says_what_and_who_can_help(strict: Flask) -> None:
    answer = strict.test_client().get("/refuse")
    assert answer.status_code == 409 and "This is not done here." in answer.text and "Ask the porter." in answer.text


def test_a_body_beyond_the_limit_is_refused(client: Client) -> None:
    fields = {"email": "x" * (3 * 1024 * 1024), "password": "x"}
    form = client.post("/sign-in", data=fields, content_type="multipart/form-data")
    assert form.status_code == 413
    whole = client.post("/sign-in", data=b"x" * (13 * 1024 * 1024), content_type="multipart/form-data; boundary=x")
    assert whole.status_code == 413 and "too large" in whole.text


def test_production_answers_to_its_own_name_only(app: Flask, tmp_path: Path) -> None:
    hosts = config.load(production(tmp_path))["TRUSTED_HOSTS"]
    client = app_like(app, tmp_path, TRUSTED_HOSTS=hosts).test_client()
    assert client.get("/sign-in", base_url="https://orders.company.test").status_code == 200
    assert client.get("/health", base_url="http://127.0.0.1:8000").status_code == 200
    stranger = client.get("/sign-in", base_url="https://evil.test")
    assert stranger.status_code == 400 and "evil.test" not in stranger.text


def test_addresses_behind_proxies_are_the_callers(app: Flask, tmp_path: Path) -> None:
    def seen_by(proxies: int) -> str:
        application = app_like(app, tmp_path, PROXIES=proxies)

        @application.get("/who")
        @public
        def who() -> str:
            from flask import request

            return str(request.remote_addr)

        headers = {"X-Forwarded-For": "203.0.113.66, 192.0.2.7"}
        return str(application.test_client().get("/who", headers=headers).text)

    assert seen_by(1) == "192.0.2.7"
    assert seen_by(0) == "127.0.0.1"


@pytest.mark.parametrize("path", ["/choose-password/{}", "/approve/{}", "/pay/{}", "/sign-in?next=/pay/{}"])
def test_log_lines_never_carry_a_token(
    capsys: pytest.CaptureFixture[str], app: Flask, client: Client, path: str
) -> None:
    with app.test_request_context():
        token = links.mint("pay", "some-intent", 1)
    client.get(path.format(token))
    client.post(path.format(token), data={"token": token})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2 and not any(token in line for line in lines)
    assert all(json.loads(line)["event"] for line in lines)


def test_an_error_is_logged_without_the_values_around_it(capsys: pytest.CaptureFixture[str], strict: Flask) -> None:
    @strict.get("/leak/<token>")
    @public
    def leak(token: str) -> str:
        raise LookupError("gone")

    strict.test_client().get("/leak/very-secret-token")
    logged = capsys.readouterr().err
    assert "LookupError" in logged and "very-secret-token" not in logged


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "/\\evil.test",
        "\\/evil.test",
        "https://evil.test",
        "/\t/evil.test",
        "/\n//evil.test",
        "evil",
        "",
        None,
    ],
)
def test_no_way_out_by_next(target: str | None) -> None:
    assert safe_next(target, "/orders/") == "/orders/"
