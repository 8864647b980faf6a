"""The admin's pages: switches that bind at once, settings within bounds, people, and the trail of all that."""

from __future__ import annotations

import io

import pytest
from flask import Flask

from app import access, audit, settings
from app.access import Permission, Role
from app.commands.office import people
from app.commands.orders import approvals, signing
from app.db import db, transaction
from app.models import SYSTEM, Audit, Company, History, SalesOrder, TermsText, User
from app.states.order import OrderStatus
from tests import factories
from tests.conftest import Client

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
SUBMIT, PAYMENT = settings.SALESPEOPLE_SUBMIT.key, settings.SALESPEOPLE_PAYMENT.key


@pytest.fixture
def ruth(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ruth Adler", email="ruth@brightwater.test")


@pytest.fixture
def admin(client: Client, ruth: User) -> Client:
    return client.sign_in(ruth)


def turn(client: Client, key: str, on: bool) -> str:
    form = {"switch": key} | ({"on": "on"} if on else {})
    return client.post("/admin/salesperson-submit-actions", data=form, headers=FRAGMENT).text


def may(user: User, permission: Permission) -> bool:
    settings.forget()
    return access.can(permission, user)


def test_the_switches_bind_salespeople_at_once_and_nobody_else(admin: Client) -> None:
    dana, head = factories.user(Role.SALESPERSON), factories.user(Role.SALES_MANAGER)
    assert may(dana, Permission.ORDER_SUBMIT) and may(dana, Permission.PAYMENT_COLLECT)
    turn(admin, SUBMIT, on=False)
    assert not may(dana, Permission.ORDER_SUBMIT) and may(dana, Permission.PAYMENT_COLLECT)
    turn(admin, PAYMENT, on=False)
    assert not may(dana, Permission.PAYMENT_COLLECT)
    assert may(head, Permission.ORDER_SUBMIT) and may(head, Permission.PAYMENT_COLLECT)
    turn(admin, SUBMIT, on=True)
    turn(admin, PAYMENT, on=True)
    assert may(dana, Permission.ORDER_SUBMIT) and may(dana, Permission.PAYMENT_COLLECT)


def test_the_second_switch_needs_the_first(admin: Client) -> None:
    turn(admin, SUBMIT, on=False)
    card = turn(admin, PAYMENT, on=False)
    assert "Needs the switch above" in card and "disabled" in card
    assert "needs «Allow salespeople" in turn(admin, PAYMENT, on=True)
    assert not access.salespeople_may_take_payment(fresh=True)


def test_the_card_answers_as_a_fragment_and_a_browser_is_sent_on(admin: Client) -> None:
    part = admin.get("/admin/salesperson-submit-actions", headers=FRAGMENT).text
    assert part.lstrip().startswith('<section id="panel-salesperson-submit-actions"')
    plain = admin.post("/admin/salesperson-submit-actions", data={"switch": SUBMIT})
    assert (plain.status_code, plain.location) == (303, "/admin/settings")
    page = admin.get("/admin/settings").text
    assert "Turned off by Ruth Adler" in page and 'id="panel-salesperson-submit-actions"' in page


def test_without_payment_whoever_signed_has_nothing_left_to_do(app: Flask, admin: Client) -> None:
    dana = factories.user(Role.SALESPERSON)
    approval = approvals.submit(factories.order(owner=dana).id, by=dana)
    hand = factories.hand(approval)
    signing.sign(approval.id, hand, sha256=approval.snapshot.sha256, edition=approval.snapshot.edition)
    assert approval.order.status is OrderStatus.AWAITING_APPROVAL
    turn(admin, PAYMENT, on=False)
    order = db.session.get_one(SalesOrder, approval.order_id)
    assert order.status is OrderStatus.ACTIVATED
    booked = db.session.query(History).filter_by(entity="sales_order", to_status="booked").one()
    assert booked.actor_name == "Ruth Adler"


def test_a_setting_that_is_no_switch_of_the_card_cannot_be_turned_there(admin: Client) -> None:
    turn(admin, settings.TEAM_ORDERS.key, on=True)
    assert settings.fresh(settings.TEAM_ORDERS) is False


def save(client: Client, **changes: str):
    values = {d.key.replace(".", "-"): d.default // 100 if d.money else d.default for d in settings.ALL.values()}
    form = {name: str(v) for name, v in (values | changes).items() if v is not False}
    return client.post("/admin/settings", data=form)


def test_settings_are_typed_bounded_and_saved_together(admin: Client) -> None:
    assert save(admin, **{"links-approval_days": "7", "salespeople-see_team_orders": "on"}).status_code == 303
    assert (settings.fresh(settings.APPROVAL_LINK_DAYS), settings.fresh(settings.TEAM_ORDERS)) == (7, True)
    for wrong in ("0", "91", "many", ""):
        answer = save(admin, **{"links-approval_days": wrong, "links-payment_days": "3"})
        assert answer.status_code == 422 and "from 1 to 90" in answer.text
    assert settings.fresh(settings.PAYMENT_LINK_DAYS) == 30


def test_the_refund_limit_is_typed_in_the_companys_currency_and_kept_in_minor_units(admin: Client) -> None:
    assert save(admin, **{"refunds-limit": "1250.50"}).status_code == 303
    assert settings.fresh(settings.REFUND_LIMIT) == 125_050
    page = admin.get("/admin/settings").text
    assert 'value="1250.5"' in page and "<span>EUR</span>" in page and "by the number alone" in page
    wrong = {"1250.505": "EUR has fewer decimals", "1,250": "with a point", "-1": "from €0.00 to", "": "from €0.00 to"}
    for typed, words in wrong.items():
        answer = save(admin, **{"refunds-limit": typed, "links-payment_days": "3"})
        assert answer.status_code == 422 and words in answer.text, typed
    assert (settings.fresh(settings.REFUND_LIMIT), settings.fresh(settings.PAYMENT_LINK_DAYS)) == (125_050, 30)


def test_every_change_is_in_the_trail(admin: Client) -> None:
    turn(admin, SUBMIT, on=False)
    turn(admin, SUBMIT, on=False)  # no change, no row
    save(admin, **{"links-approval_days": "7", "salespeople-submit_for_approval": ""})
    rows = [(a.subject, a.before, a.after, a.actor_name, a.address) for a in db.session.query(Audit)]
    assert rows == [
        (SUBMIT, True, False, "Ruth Adler", "127.0.0.1"),
        ("links.approval_days", 14, 7, "Ruth Adler", "127.0.0.1"),
    ]
    page = admin.get("/admin/audit").text
    assert "Life of an approval link" in page and "Ruth Adler" in page


def test_the_trail_turns_its_pages_by_key(admin: Client) -> None:
    with transaction():
        for n in range(120):
            audit.note("setting.changed", f"row {n:03}", by=SYSTEM, before=n, after=n + 1)
    newest = db.session.query(Audit.id).order_by(Audit.id.desc()).limit(1).scalar()
    assert "row 119" in admin.get("/admin/audit?kind=settings").text
    middle = admin.get(f"/admin/audit?before={newest - 49}").text
    assert "row 069" in middle and "row 020" in middle and "row 019" not in middle and "row 070" not in middle
    assert f"after={newest - 50}" in middle and f"before={newest - 99}" in middle
    assert "row 119" in admin.get(f"/admin/audit?after={newest - 50}").text
    assert "row 119" not in admin.get("/admin/audit?kind=people").text


NEW = {"name": "Noor Haddad", "email": "Noor@Brightwater.test", "title": "", "team": "North", "roles": ["salesperson"]}


def test_a_person_is_added_and_comes_in_by_a_link_shown_once(app: Flask, admin: Client) -> None:
    added = admin.post("/admin/people/new", data=NEW)
    assert added.status_code == 303
    shown = admin.post(f"{added.location}/password-link")
    link = shown.text.split("http://countersign.test")[1].split('"')[0]
    assert shown.headers["Referrer-Policy"] == "no-referrer" and shown.headers["Cache-Control"] == "no-store"
    assert "/choose-password/" not in admin.get(added.location).text
    stranger = app.test_client()
    password = {"password": "lantern over hill", "again": "lantern over hill"}
    assert stranger.post(link, data=password).status_code == 303
    assert stranger.post("/sign-in", data=NEW | {"password": "lantern over hill"}).status_code == 303
    assert admin.post("/admin/people/new", data=NEW).status_code == 409


def test_a_change_of_roles_binds_with_the_next_click(app: Flask, admin: Client) -> None:
    noor = factories.user(Role.SALESPERSON, name="Noor Haddad")
    hers = app.test_client().sign_in(noor)
    assert hers.get("/admin/audit").status_code == 403
    form = {"name": noor.name, "roles": ["salesperson"], "grants": ["audit.view"], "active": "on"}
    assert admin.post(f"/admin/people/{noor.id}", data=form).status_code == 303
    assert hers.get("/admin/audit").status_code == 200
    admin.post(f"/admin/people/{noor.id}", data={"name": noor.name, "roles": ["salesperson"]})
    assert hers.get("/admin/audit").location.startswith("/sign-in")
    assert [row.after for row in db.session.query(Audit)] == [
        {"grants": ["audit.view"]},
        {"active": False, "grants": []},
    ]


def test_nobody_makes_themselves_or_others_more_than_they_are(app: Flask, ruth: User) -> None:
    clerk = factories.user(Role.READ_ONLY, name="Clerk", grants=["user.manage"])
    client = app.test_client().sign_in(clerk)
    raised = client.post(f"/admin/people/{clerk.id}", data={"name": "Clerk", "roles": ["admin"], "active": "on"})
    assert raised.status_code == 409 and "may more than you" in raised.text
    taken = client.post(f"/admin/people/{ruth.id}", data={"name": "Ruth", "roles": ["read_only"], "active": "on"})
    assert taken.status_code == 409
    assert client.post(f"/admin/people/{ruth.id}/password-link").status_code == 409
    assert db.session.get(User, ruth.id).roles == ["admin"]


def test_somebody_stays_admin(admin: Client, ruth: User) -> None:
    for form in ({"roles": ["ar"], "active": "on"}, {"roles": ["admin"]}):
        answer = admin.post(f"/admin/people/{ruth.id}", data={"name": "Ruth Adler"} | form)
        assert answer.status_code == 409 and "cannot take the admin role" in answer.text


def test_the_index_shows_each_what_they_may(app: Flask, admin: Client) -> None:
    assert "Settings" in admin.get("/admin/").text
    auditor = app.test_client().sign_in(factories.user(Role.PAYMENT_ADMIN))
    page = auditor.get("/admin/").text
    assert "Audit trail" in page and "/admin/settings" not in page and "/admin/people" not in page
    assert admin.get("/admin/roles").status_code == 200


COMPANY = {
    "name": "Brightwater Health Systems",
    "street": "Harbour Road 1",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "email": "sales@brightwater.test",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "accent": "#0f6b5c",
}


def test_a_company_is_founded_and_changed_and_both_are_in_the_trail(app: Flask, client: Client) -> None:
    people.create_admin("ruth@brightwater.test", "Ruth Adler")
    client.sign_in(db.session.query(User).one())
    assert client.get("/admin/company").status_code == 200
    assert client.post("/admin/company", data=COMPANY).status_code == 303
    client.post("/admin/company", data=COMPANY | {"city": "Bremen"})
    client.post("/admin/company", data=COMPANY | {"city": "Bremen"})
    rows = [(a.action, a.before, a.after) for a in db.session.query(Audit).filter(Audit.action.like("company%"))]
    assert rows[1:] == [("company.changed", {"city": "Hamburg"}, {"city": "Bremen"})]
    assert db.session.get_one(Company, 1).city == "Bremen"


@pytest.mark.parametrize(
    "wrong",
    [{"country": "Germany"}, {"time_zone": "Berlin"}, {"currency": "euro"}, {"accent": "red;}"}, {"name": " "}],
)
def test_a_company_without_its_facts_is_not_saved(admin: Client, wrong: dict[str, str]) -> None:
    answer = admin.post("/admin/company", data=COMPANY | wrong)
    assert answer.status_code == 422 and "Please check" in answer.text


def test_terms_have_versions(admin: Client) -> None:
    for body in ("Pay within 14 days.", "Pay within 14 days.", "Pay at once."):
        admin.post("/admin/company/terms", data={"body": body})
    assert [(t.version, t.body) for t in db.session.query(TermsText)] == [
        (1, "Pay within 14 days."),
        (2, "Pay at once."),
    ]
    assert "word for word version 2" in admin.post("/admin/company/terms", data={"body": "Pay at once."}).text


def test_electronic_invoices_are_turned_on_once_the_company_has_what_they_need(admin: Client, ruth: User) -> None:
    refused = admin.post("/admin/company/electronic-invoices", data={"on": "y"})
    assert refused.status_code == 409
    assert "Electronic invoices need more of the company first. The company&#39;s tax id is missing" in refused.text
    assert settings.fresh(settings.FACTUR_X) is False
    db.session.rollback()
    with transaction() as session:
        session.get_one(Company, 1).tax_id = "DE811234567"
    assert admin.post("/admin/company/electronic-invoices", data={"on": "y"}).status_code == 303
    assert settings.fresh(settings.FACTUR_X) is True
    entry = db.session.query(Audit).order_by(Audit.id.desc()).first()
    assert entry is not None and (entry.subject, entry.before, entry.after) == ("invoices.factur_x", False, True)
    db.session.rollback()
    with transaction() as session:
        session.get_one(Company, 1).tax_id = ""
    assert "Invoices issued now are no electronic invoices." in admin.get("/admin/company").text
    assert admin.post("/admin/company/electronic-invoices", data={}).status_code == 303
    assert settings.fresh(settings.FACTUR_X) is False


def test_the_logo_is_put_up_shown_to_everybody_and_taken_down(admin: Client, app: Flask) -> None:
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><circle r="2"/></svg>'
    wrong = admin.post("/admin/company/logo", data={"logo": (io.BytesIO(b"no picture"), "logo.svg")})
    assert wrong.status_code == 422 and "neither an SVG nor a PNG" in wrong.text
    nothing = admin.post("/admin/company/logo", data={})
    assert nothing.status_code == 422 and "Choose a file." in nothing.text
    assert admin.post("/admin/company/logo", data={"logo": (io.BytesIO(drawn), "logo.svg")}).status_code == 303
    address = f"/logo/{db.session.get_one(Company, 1).logo}"
    assert address in admin.get("/admin/company").text
    shown = app.test_client().get(address)
    assert shown.data == drawn and shown.mimetype == "image/svg+xml" and "immutable" in shown.headers["Cache-Control"]
    assert shown.headers["Content-Security-Policy"].endswith("sandbox")
    assert app.test_client().get("/logo/" + "0" * 64).status_code == 404
    assert admin.post("/admin/company/logo/removal").status_code == 303
    assert db.session.get_one(Company, 1).logo is None and address not in admin.get("/admin/company").text
    assert [row.action for row in db.session.query(Audit).filter_by(action="company.logo")] == ["company.logo"] * 2
