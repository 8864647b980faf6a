"""Signing in and out: generic errors, slow guessing without locking the owner out, sessions that end."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock, passwords
from app.access import Role
from app.db import db, transaction
from app.models import Audit, User
from tests import factories
from tests.conftest import make_app

PASSWORD = "walnut river seven"


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALESPERSON, email="dana@brightwater.test", password_hash=passwords.hashed(PASSWORD))


@pytest.fixture
def guarded(app: Flask, tmp_path: Path) -> Flask:
    """The same database behind an application that counts tries."""
    return make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, RATE_LIMITS=True)


def enter(
    client: FlaskClient, password: str = PASSWORD, email: str = "dana@brightwater.test", **more: str
) -> TestResponse:
    address = more.pop("address", "192.0.2.1")
    form = {"email": email, "password": password, **more}
    return client.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": address})


def is_in(client: FlaskClient) -> bool:
    return client.get("/your-account").status_code == 200


def test_in_and_out(client: FlaskClient, dana: User) -> None:
    answer = enter(client, email=" Dana@Brightwater.TEST ")
    assert (answer.status_code, answer.location) == (303, "/")
    assert is_in(client)
    assert client.post("/sign-out").location == "/sign-in"
    assert not is_in(client)


def test_one_cannot_tell_an_unknown_person_from_a_wrong_password(client: FlaskClient, dana: User) -> None:
    wrong, unknown = enter(client, "wrong horse battery"), enter(client, email="nobody@brightwater.test")
    assert wrong.status_code == unknown.status_code == 422
    own = re.compile(r'nonce="[^"]*"|name="csrf_token" value="[^"]*"|[a-z]+@brightwater.test')
    assert own.sub("", wrong.text) == own.sub("", unknown.text)
    assert "do not match" in wrong.text and "walnut" not in wrong.text


@pytest.mark.parametrize("change", [{"active": False}, {"password_hash": passwords.UNUSABLE}])
def test_who_may_not_come_in(client: FlaskClient, dana: User, change: dict[str, object]) -> None:
    with transaction():
        for name, value in change.items():
            setattr(dana, name, value)
    assert enter(client).status_code == 422


@pytest.mark.parametrize(
    ("wished", "reached"),
    [
        ("/your-account?tab=1", "/your-account?tab=1"),
        ("//evil.test/", "/"),
        ("https://evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("/\t/evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("your-account", "/"),
        ("", "/"),
    ],
)
def test_where_one_lands_is_a_page_of_ours(client: FlaskClient, dana: User, wished: str, reached: str) -> None:
    assert enter(client, next=wished).location == reached
    assert client.get("/sign-in", query_string={"next": wished}).location == reached


def test_a_session_planted_before_is_not_taken_over(client: FlaskClient, dana: User) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    enter(client)
    with client.session_transaction() as session:
        assert "planted" not in session


def test_a_stranger_comes_back_to_where_they_were(client: FlaskClient, dana: User) -> None:
    assert client.get("/your-account?x=1").location == "/sign-in?next=/your-account?x%3D1"
    part = client.get(
        "/your-account", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/orders/SO-1?a=b"}
    )
    assert part.headers["HX-Redirect"] == "/sign-in?next=/orders/SO-1?a%3Db"
    foreign = client.post("/your-account/password", headers={"Referer": "http://evil.test/orders/"})
    assert foreign.location == "/sign-in"


@pytest.mark.parametrize(("away", "inside"), [(timedelta(hours=7), True), (timedelta(hours=8, minutes=1), False)])
def test_a_session_ends_when_nobody_is_there(client: FlaskClient, dana: User, away: timedelta, inside: bool) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        enter(client)
        time.shift(away)
        assert is_in(client) is inside


def test_a_session_ends_after_a_day_of_work(client: FlaskClient, dana: User) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        enter(client)
        for _ in range(4):
            time.shift(timedelta(hours=5, minutes=59))
            assert is_in(client)
        time.shift(timedelta(minutes=10))
        answer = client.get("/your-account", follow_redirects=True)
        assert "You were signed out" in answer.text


def test_signing_out_everywhere_ends_the_other_browser_too(app: Flask, dana: User) -> None:
    here, there = app.test_client(), app.test_client()
    enter(here), enter(there)
    here.post("/your-account/sign-out-everywhere")
    assert not is_in(here) and not is_in(there)


def test_changing_the_password_ends_the_other_browser_only(app: Flask, dana: User) -> None:
    here, there = app.test_client(), app.test_client()
    enter(here), enter(there)
    new = {"password": "orange boats at nine", "again": "orange boats at nine"}
    assert here.post("/your-account/password", data={"old": "wrong", **new}).status_code == 422
    assert here.post("/your-account/password", data={"old": PASSWORD, **new}).status_code == 303
    assert is_in(here) and not is_in(there)
    assert [row.action for row in db.session.query(Audit)] == ["password.set"]


def guess(client: FlaskClient, times: int, **more: str) -> None:
    for _ in range(times):
        assert enter(client, "wrong horse battery", **more).status_code == 422


def test_guessing_gets_slower_and_slower(guarded: Flask, dana: User) -> None:
    client = guarded.test_client()
    with time_machine.travel(clock.now(), tick=False) as time:
        guess(client, 5)
        answer = enter(client)
        assert answer.status_code == 429 and "Too many tries" in answer.text
        assert int(answer.headers["Retry-After"]) <= 3
        time.shift(timedelta(seconds=4))
        guess(client, 1)
        assert int(enter(client).headers["Retry-After"]) > 3


def test_the_owner_is_not_locked_out_by_somebody_elses_guesses(guarded: Flask, dana: User) -> None:
    at_home, thief, at_work = guarded.test_client(), guarded.test_client(), guarded.test_client()
    with time_machine.travel(clock.now(), tick=False):
        enter(at_home)
        at_home.post("/sign-out")
        guess(thief, 5, address="203.0.113.9")
        assert enter(thief, address="203.0.113.9").status_code == 429
        assert enter(at_work, address="198.51.100.7").status_code == 303
        for n in range(50):
            enter(thief, "wrong horse battery", address=f"203.0.113.{n}")
        assert enter(guarded.test_client(), address="198.51.100.8").status_code == 429
        assert enter(at_home, address="198.51.100.8").status_code == 303


def test_guessing_goes_on_being_slow_without_redis(app: Flask, dana: User, tmp_path: Path) -> None:
    gone = {"REDIS_URL": "redis://127.0.0.1:1/0", "RATE_LIMITS": True}
    client = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, **gone).test_client()
    guess(client, 5)
    assert enter(client).status_code == 429


def test_the_first_admin_comes_in_by_a_link_that_works_once(app: Flask, client: FlaskClient) -> None:
    run = app.test_cli_runner().invoke(args=["users", "create-admin", "Ruth@Brightwater.test", "--name", "Ruth Adler"])
    assert run.exit_code == 0, run.output
    path = run.output.split("http://countersign.test")[1].strip()
    page = client.get(path)
    assert page.status_code == 200 and page.headers["Referrer-Policy"] == "no-referrer"
    weak = client.post(path, data={"password": "password1234", "again": "password1234"})
    assert weak.status_code == 422 and "anybody would try" in weak.text
    good = {"password": "lantern over hill", "again": "lantern over hill"}
    assert client.post(path, data=good).location == "/sign-in"
    assert client.post(path, data=good).status_code == 410
    assert enter(client, "lantern over hill", "ruth@brightwater.test").status_code == 303
    again = app.test_cli_runner().invoke(args=["users", "create-admin", "ruth@brightwater.test"])
    assert again.exit_code == 1 and "works here already" in again.output


def test_a_password_link_gets_old(app: Flask, client: FlaskClient) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        run = app.test_cli_runner().invoke(args=["users", "create-admin", "ruth@brightwater.test"])
        time.shift(timedelta(days=3, minutes=1))
        assert client.get(run.output.split("http://countersign.test")[1].strip()).status_code == 410


def test_only_the_demo_lists_its_people(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    demo = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, ENVIRONMENT="demo").test_client()
    assert "dana.reyes@" in demo.get("/sign-in").text
    assert "dana.reyes@" not in client.get("/sign-in").text
