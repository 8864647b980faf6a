"""How the sandbox posts its events: in order, again until taken, over real HTTP, or as nobody should believe them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select
from werkzeug import Request, Response

from app import clock
from app.db import db, end_read, transaction
from app.gateways.notices import BadNotice
from app.gateways.sandbox import post, script
from app.gateways.sandbox.tables import Manner
from app.models import NoticeWork, ProcessorEvent
from app.queries import sandbox as queries
from app.states.notice import NoticeStatus
from tests import factories
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench


@dataclass
class Intake:
    """Stands where the network would be; answers with `status`."""

    status: int | None = 200
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, address: str, body: bytes, headers: dict[str, str]) -> int | None:
        self.got.append((address, body, headers))
        return self.status

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body, _ in self.got]


@pytest.fixture
def bench(app: Flask) -> Bench:
    factories.company()
    return sandbox_bench()


@pytest.fixture
def intake(app: Flask) -> Intake:
    app.extensions[post.EXTENSION] = taken = Intake()
    return taken


def events(key: str = "sandbox") -> list[queries.Event]:
    found = list(reversed(queries.console(key).events))
    end_read()
    return found


def test_what_happened_is_told_in_order_once_it_is_taken_no_more(bench: Bench, intake: Intake) -> None:
    charge = bench.paid(capture=False)
    bench.gateway.move(bench.movement("capture", charge))
    assert post.deliver() == 2
    assert intake.types == ["charge.authorized", "charge.captured"]
    assert {address for address, _, _ in intake.got} == {"http://countersign.test/webhooks/sandbox"}
    notice = bench.gateway.read_notice(*intake.got[0][1:])
    assert (notice.subject_id, notice.account) == (charge.provider_id, "sandbox")
    assert notice.metadata == {"payment_order": "PO-1001"}
    assert post.deliver() == 0 and len(intake.got) == 2


def test_what_is_not_taken_is_sent_again_later_and_later_and_given_up(bench: Bench, intake: Intake) -> None:
    intake.status = 500
    bench.paid()
    now = clock.now()
    for wait, tries in ((0, 1), (1, 1), (6, 2), (40, 3), (400, 4), (4100, 5), (10**5, 5)):
        with time_machine.travel(now + timedelta(seconds=wait)):
            post.deliver()
        assert len(intake.got) == tries
    (event,) = events()
    assert not event.waits and event.taken_at is None
    intake.status = 200
    assert post.post(event.id) == 200
    assert events()[0].taken_at is not None


def test_where_nobody_answers_the_others_wait_too(bench: Bench, intake: Intake) -> None:
    intake.status = None
    for _ in range(3):
        bench.paid()
    assert post.deliver() == 0 and len(intake.got) == 1
    assert [d.status for d in events()[0].deliveries] == [None]


def test_a_silent_gateway_keeps_its_events_and_the_others_do_not(bench: Bench, intake: Intake) -> None:
    script.silence("sandbox")
    bench.paid()
    sandbox_bench("sandbox-us").paid()
    assert post.deliver() == 1 and intake.got[0][0].endswith("/webhooks/sandbox-us")
    script.let_speak("sandbox")
    assert post.deliver() == 1


def test_a_delayed_event_goes_out_later_even_if_it_was_taken(bench: Bench, intake: Intake) -> None:
    bench.paid()
    post.deliver()
    post.delay("sandbox", events()[0].id, timedelta(minutes=10))
    assert post.deliver() == 0 and events()[0].later is not None
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        assert post.deliver() == 1
    assert intake.got[0][1] == intake.got[1][1]


@pytest.mark.parametrize(
    ("manner", "code"),
    [(Manner.FORGED, "forged"), (Manner.STALE, "stale"), (Manner.WRONG_ACCOUNT, "foreign")],
)
def test_some_events_are_not_to_be_believed(bench: Bench, intake: Intake, manner: Manner, code: str) -> None:
    bench.paid()
    post.post(events()[0].id, manner)
    with pytest.raises(BadNotice) as bad:
        bench.gateway.read_notice(*intake.got[0][1:])
    assert bad.value.code == code
    assert events()[0].taken_at is None and events()[0].waits


def test_one_of_the_other_kind_of_money_is_signed_and_leaves_the_true_ones_id_alone(
    bench: Bench, intake: Intake
) -> None:
    bench.paid()
    post.post(events()[0].id, Manner.WRONG_MODE)
    post.deliver()
    stray, true = (bench.gateway.read_notice(body, headers) for _, body, headers in intake.got)
    assert (stray.account, stray.mode) == ("sandbox", "live")
    assert stray.event_id != true.event_id and stray.subject_id == true.subject_id


def test_nothing_is_posted_inside_a_transaction(bench: Bench, intake: Intake) -> None:
    bench.paid()
    event_id = events()[0].id
    with transaction(), pytest.raises(RuntimeError, match="while calling the world"):
        post.post(event_id)


def test_it_travels_over_real_http_and_follows_nobody(app: Flask, bench: Bench, httpserver: HTTPServer) -> None:
    app.config["BASE_URL"] = httpserver.url_for("").rstrip("/")
    seen: list[tuple[bytes, dict[str, str]]] = []

    def answer(status: int) -> Callable[[Request], Response]:
        def handler(request: Request) -> Response:
            seen.append((request.get_data(), dict(request.headers)))
            return Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

        return handler

    for status in (200, 400, 302):
        httpserver.expect_ordered_request("/webhooks/sandbox", method="POST").respond_with_handler(answer(status))
    charge = bench.paid()
    event_id = events()[0].id
    assert [post.post(event_id) for _ in range(3)] == [200, 400, 302]
    assert bench.gateway.read_notice(*seen[0]).subject_id == charge.provider_id
    assert len(seen) == 3


def test_where_nobody_listens_there_is_no_answer(app: Flask, bench: Bench) -> None:
    app.config["BASE_URL"] = "http://127.0.0.1:9"
    bench.paid()
    assert post.post(events()[0].id) is None


def test_our_own_intake_takes_what_is_true_and_refuses_or_keeps_aside_the_rest(app: Flask, bench: Bench) -> None:
    client = app.test_client()

    def through(address: str, body: bytes, headers: dict[str, str]) -> int:
        return client.post(urlsplit(address).path, data=body, headers=headers).status_code

    app.extensions[post.EXTENSION] = through
    bench.paid()
    event_id = events()[0].id
    answers = {manner: post.post(event_id, manner) for manner in Manner}
    assert answers == {
        Manner.TRUE: 200,
        Manner.FORGED: 400,
        Manner.STALE: 400,
        Manner.WRONG_ACCOUNT: 400,
        Manner.WRONG_MODE: 200,
    }
    assert post.post(event_id) == 200
    kept = db.session.scalars(select(NoticeWork.status).join(ProcessorEvent).where(ProcessorEvent.mode == "live"))
    assert kept.one() is NoticeStatus.QUARANTINED
    assert db.session.scalar(select(func.count(ProcessorEvent.id))) == 2
