"""A small stand-in for Stripe's API, served from loopback: enough of it to be lied to, dropped, repeated and disputed.

It honours idempotency keys, refuses what Stripe refuses (older parameters, fractions, too large refunds, strangers'
cards), and remembers every request. What it cannot show is that Stripe itself behaves so; docs/stripe.md says how to
see that.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

Fact = dict[str, Any]
Fault = Callable[[Callable[[], Response]], Response]

# The requests that do something, by the names of the contract suite.
CALLS = {
    "charge": "/v1/payment_intents",
    "capture": r"/v1/payment_intents/\w+/capture",
    "void": r"/v1/payment_intents/\w+/cancel",
    "refund": "/v1/refunds",
    "setup": "/v1/setup_intents",
}

# What a card does, by the confirmation token that the browser would have made of it.
DECLINES = {
    "ctoken_insufficient_funds": {"code": "card_declined", "decline_code": "insufficient_funds"},
    "ctoken_expired": {"code": "expired_card"},
    "ctoken_stopped": {"code": "card_declined", "decline_code": "do_not_honor", "advice_code": "do_not_try_again"},
    "ctoken_wrong_cvc": {"code": "incorrect_cvc"},
}
STEPS = dict.fromkeys(("kwd", "bhd", "jod", "omr", "tnd"), 10) | {"isk": 100, "ugx": 100}
LISTS = {
    "pi_": "/v1/payment_intents",
    "re_": "/v1/refunds",
    "seti_": "/v1/setup_intents",
    "po_": "/v1/payouts",
    "txn_": "/v1/balance_transactions",
    "we_": "/v1/webhook_endpoints",
}
OLD = ("payment_method_types", "source", "save_payment_method")


class Refused(Exception):
    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error)
        self.status, self.error = status, error


def invalid(message: str, code: str | None = None, status: int = 400, **more: Any) -> Refused:
    return Refused(status, type="invalid_request_error", message=message, code=code, **more)


@dataclass
class Sent:
    method: str
    path: str
    params: Fact
    key: str | None
    body: bytes


@dataclass
class FakeStripe:
    things: dict[str, Fact] = field(default_factory=dict)
    answered: dict[str, tuple[str, int, Fact]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    next_refund: str = "succeeded"
    settles: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Into which currency what comes in another one is turned, and at what rate of whole units."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    # What tests do to it.

    def fail(self, status: int, error: Fact | None = None, *, times: int = 1, headers: Fact | None = None) -> None:
        """The next requests are answered so and do nothing."""
        body = json.dumps({"error": error or {"type": "api_error", "message": "Something went wrong."}})
        self._arm("", lambda act: Response(body, status, headers, content_type="application/json"), times)

    def garble(self, text: str) -> None:
        self._arm("", lambda act: Response(text, 200, content_type="application/json"), 1)

    def lose_request(self, times: int = 1, call: str = "") -> None:
        self._arm(call, lambda act: Hangup(), times)

    def lose_answer(self, times: int = 1, call: str = "") -> None:
        self._arm(call, lambda act: act() and Hangup(), times)

    def _arm(self, call: str, fault: Fault, times: int) -> None:
        self.faults += [(f"POST {CALLS[call]}" if call else ".*", fault)] * times

    def dawdle(self, seconds: float, times: int = 1) -> None:
        """Acts, and answers later than anybody waits for."""

        def late(act: Callable[[], Response]) -> Response:
            answer = act()
            time.sleep(seconds)
            return answer

        self._arm("", late, times)

    def confirm(self, intent_id: str, approved: bool) -> None:
        """As the cardholder, at the bank."""
        intent = self.things[intent_id]
        if intent["status"] != "requires_action":
            return
        intent["next_action"] = None
        if approved:
            self._succeed(intent)
            return
        kind = "payment" if intent_id.startswith("pi_") else "setup"
        error = {
            "code": f"{kind}_intent_authentication_failure",
            "message": "Not authenticated.",
            "type": "invalid_request_error",
        }
        intent.update({"status": "requires_payment_method", f"last_{kind}_error": error})

    def keys(self, path: str) -> list[str | None]:
        return [sent.key for sent in self.sent if sent.path == path and sent.method == "POST"]

    # What it does.

    def __call__(self, request: Request) -> Response:
        body = request.get_data()
        params = tree(list((request.args if request.method == "GET" else request.form).items(multi=True)))
        files = {name: file.filename for name, file in request.files.items()}
        key = request.headers.get("Idempotency-Key")
        self.sent.append(Sent(request.method, request.path, params | files, key, body))
        fault = self._fault(f"{request.method} {request.path}")
        answer = fault(lambda: self._answer(request, params, key)) if fault else self._answer(request, params, key)
        if isinstance(answer, Hangup):
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer

    def _fault(self, line: str) -> Fault | None:
        armed = next((entry for entry in self.faults if re.fullmatch(entry[0], line)), None)
        if armed:
            self.faults.remove(armed)
        return armed[1] if armed else None

    def _answer(self, request: Request, params: Fact, key: str | None) -> Response:
        status, body = self._once(request, params, key)
        return Response(json.dumps(body), status, {"Request-Id": "req_1"}, content_type="application/json")

    def _once(self, request: Request, params: Fact, key: str | None) -> tuple[int, Fact]:
        known = self.answered.get(key) if key else None
        print_ = hashlib.sha256(json.dumps([request.path, params], sort_keys=True).encode()).hexdigest()
        if known and known[0] != print_:
            conflict = {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
            return 400, {"error": conflict}
        if known:
            return known[1], known[2]
        try:
            status, body = 200, json.loads(json.dumps(self._act(request, params)))
        except Refused as refused:
            status, body = refused.status, json.loads(json.dumps({"error": refused.error}))
        if key and status in (200, 402):
            self.answered[key] = (print_, status, body)
        return status, body

    def _act(self, request: Request, params: Fact) -> Fact:
        if not re.fullmatch(r"Bearer (sk|rk)_test_\w+", request.headers.get("Authorization", "")):
            raise Refused(401, type="invalid_request_error", message="Invalid API Key provided.")
        for (method, pattern), act in ACTS.items():
            if method == request.method and (match := re.fullmatch(pattern, request.path)):
                return act(self, params, *match.groups())
        raise invalid(f"Unrecognized request URL ({request.method}: {request.path})", status=404)

    def _new(self, prefix: str, kind: str, **facts: Any) -> Fact:
        own = {"id": f"{prefix}_{next(self.numbers):06d}", "object": kind}
        thing = {"created": int(time.time()), **facts, **own}
        self.things[thing["id"]] = thing
        return thing

    def _get(self, thing_id: str) -> Fact:
        if thing_id not in self.things:
            raise invalid(f"No such thing: '{thing_id}'", "resource_missing", 404)
        return self.things[thing_id]

    def _list(self, params: Fact, prefix: str, keep: Callable[[Fact], bool] = lambda thing: True) -> Fact:
        """Newest first, page by page."""
        since = int(params.get("created", {}).get("gte", 0))
        found = [t for i, t in self.things.items() if i.startswith(prefix) and t["created"] >= since and keep(t)][::-1]
        ids = [t["id"] for t in found]
        start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
        page = found[start : start + int(params.get("limit", 10))]
        return {"object": "list", "data": page, "has_more": start + len(page) < len(found), "url": LISTS[prefix]}

    # Payments.

    def create_intent(self, params: Fact) -> Fact:
        self._refuse_old(params)
        amount, currency = int(params["amount"]), params["currency"]
        if (
            currency in ("kwd", "bhd", "jod", "omr", "tnd")
            and amount % 10
            or currency in ("isk", "ugx")
            and amount % 100
        ):
            raise invalid("Invalid decimal amount.", "amount_invalid")
        method = self._method(params)
        intent = self._new(
            "pi",
            "payment_intent",
            amount=amount,
            amount_capturable=0,
            amount_received=0,
            currency=currency,
            customer=params.get("customer"),
            capture_method=params.get("capture_method", "automatic"),
            client_secret="pi_secret_of_the_payer",
            last_payment_error=None,
            latest_charge=None,
            livemode=False,
            metadata=params.get("metadata", {}),
            next_action=None,
            payment_method=method,
            setup_future_usage=params.get("setup_future_usage"),
            status="requires_confirmation",
        )
        does = method["metadata"]["does"]
        if does in DECLINES:
            return self._decline(intent, method, DECLINES[does])
        if does == "ctoken_confirm" and params.get("off_session") == "true":
            return self._decline(intent, method, {"code": "authentication_required"})
        if does == "ctoken_confirm":
            return self._ask(intent, params["return_url"])
        if does == "ctoken_slow":
            intent["status"] = "processing"
            return intent
        return self._succeed(intent)

    def _refuse_old(self, params: Fact) -> None:
        for name in OLD:
            if name in params:
                raise invalid(f"Received unknown parameter: {name}", "parameter_unknown", param=name)

    def _method(self, params: Fact) -> Fact:
        if token := params.get("confirmation_token"):
            return self._new("pm", "payment_method", type="card", customer=None, **card(), metadata={"does": token})
        method = self._get(params["payment_method"])
        if method["customer"] is None or method["customer"] != params.get("customer"):
            raise invalid("The customer does not have a payment method with this ID.", "payment_method_not_attached")
        return method

    def _decline(self, intent: Fact, method: Fact, why: Fact) -> Fact:
        error = {"type": "card_error", "message": "Your card was declined.", "payment_method": method, **why}
        intent.update(status="requires_payment_method", last_payment_error=error, payment_method=None)
        kind = intent["object"]
        if kind == "setup_intent":
            intent["last_setup_error"] = error
        raise Refused(402, **error, **{kind: dict(intent)})

    def _ask(self, intent: Fact, back: str) -> Fact:
        url = f"https://hooks.stripe.com/3d_secure_2/hosted?intent={intent['id']}&client_secret=secret_of_the_payer"
        action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": back}}
        intent.update(status="requires_action", next_action=action)
        return intent

    def _succeed(self, intent: Fact) -> Fact:
        method = intent["payment_method"]
        if intent["object"] == "setup_intent" or intent.get("setup_future_usage"):
            method["customer"] = intent["customer"]
        if intent["object"] == "setup_intent":
            intent["status"] = "succeeded"
            return intent
        held = intent["capture_method"] == "manual"
        part = {**method["card"], **({"capture_before": int(time.time()) + 7 * 86400} if held else {})}
        intent["latest_charge"] = self._new(
            "ch",
            "charge",
            amount=intent["amount"],
            currency=intent["currency"],
            payment_intent=intent["id"],
            payment_method_details={"type": "card", "card": part},
            billing_details=method["billing_details"],
        )
        intent["status"] = "requires_capture" if held else "succeeded"
        intent["amount_capturable" if held else "amount_received"] = intent["amount"]
        if not held:
            self._book("charge", intent["amount"], intent["latest_charge"], fee=25 + intent["amount"] // 100)
        return intent

    def _book(self, kind: str, amount: int, source: Fact, *, fee: int = 0, category: str = "") -> Fact:
        """An entry of the balance, in the currency that its source's is settled in, until it is paid out."""
        amount, currency, rate = self._settled(amount, source["currency"])
        money = {"amount": amount, "fee": fee, "net": amount - fee, "currency": currency}
        facts = {"type": kind, "reporting_category": category or kind, "exchange_rate": rate, "description": kind}
        return self._new("txn", "balance_transaction", source=source, payout=None, **money, **facts)

    def _settled(self, amount: int, currency: str) -> tuple[int, str, float | None]:
        if currency not in self.settles:
            return amount, currency, None
        into, rate = self.settles[currency]
        return round(amount * rate * (100 if currency == "jpy" else 1)), into, rate

    def cancel_intent(self, params: Fact, intent_id: str) -> Fact:
        intent = self._get(intent_id)
        if intent["status"] in ("succeeded", "canceled"):
            raise invalid(f"You cannot cancel this: {intent['status']}.", "payment_intent_unexpected_state")
        intent.update(status="canceled", amount_capturable=0, next_action=None)
        return intent

    def capture(self, params: Fact, intent_id: str) -> Fact:
        intent = self._get(intent_id)
        amount = int(params.get("amount_to_capture", intent["amount"]))
        if intent["status"] != "requires_capture":
            raise invalid(f"Cannot capture: {intent['status']}.", "payment_intent_unexpected_state")
        if amount > intent["amount_capturable"]:
            raise invalid("More than was authorized.", "amount_too_large", param="amount_to_capture")
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        self._book("charge", amount, intent["latest_charge"], fee=25 + amount // 100)
        return intent

    def create_refund(self, params: Fact) -> Fact:
        intent, amount = self._get(params["payment_intent"]), int(params["amount"])
        refunded = sum(r["amount"] for r in self.things.values() if r.get("payment_intent") == intent["id"] and re_(r))
        if amount > intent["amount_received"] - refunded:
            raise invalid("Refund amount is greater than unrefunded amount on charge.", param="amount")
        if any(d["payment_intent"] == intent["id"] and takes(d) for d in self._all("dp_")):
            raise invalid("The charge is disputed.", "charge_disputed")
        status, self.next_refund = self.next_refund, "succeeded"
        refund = self._new(
            "re",
            "refund",
            amount=amount,
            currency=intent["currency"],
            charge=intent["latest_charge"]["id"],
            payment_intent=intent["id"],
            metadata=params.get("metadata", {}),
            reason=params.get("reason"),
            status=status,
            failure_reason="expired_or_canceled_card" if status == "failed" else None,
            destination_details={"type": "card", "card": {"reference": "7470000000000000001"}},
        )
        if status != "failed":
            self._book("refund", -amount, refund)
        return refund

    def end_refund(self, refund_id: str, arrives: bool) -> None:
        refund = self.things[refund_id]
        if arrives:
            refund["status"] = "succeeded"
            return
        refund.update(status="failed", failure_reason="lost_or_stolen_card")
        self._book("refund_failure", refund["amount"], refund)

    def _all(self, prefix: str) -> list[Fact]:
        return [thing for thing_id, thing in self.things.items() if thing_id.startswith(prefix)]

    # Cards and customers.

    def create_setup(self, params: Fact) -> Fact:
        self._refuse_old(params)
        method = self._method(params)
        intent = self._new(
            "seti",
            "setup_intent",
            customer=params["customer"],
            last_setup_error=None,
            metadata=params.get("metadata", {}),
            next_action=None,
            payment_method=method,
            status="requires_confirmation",
        )
        does = method["metadata"]["does"]
        if does in DECLINES:
            return self._decline(intent, method, DECLINES[does])
        return self._ask(intent, params["return_url"]) if does == "ctoken_confirm" else self._succeed(intent)

    def detach(self, params: Fact, method_id: str) -> Fact:
        method = self._get(method_id)
        if method["customer"] is None:
            raise invalid("The payment method is not attached to a customer.", "payment_method_unexpected_state")
        method["customer"] = None
        return method

    # Disputes.

    def dispute(self, intent_id: str, inquiry: bool) -> str:
        """As the cardholder's bank: it only asks, or takes the money at once."""
        intent = self.things[intent_id]
        charge = intent["latest_charge"]["id"]
        dispute = self._new(
            "dp",
            "dispute",
            amount=intent["amount_received"],
            currency=intent["currency"],
            charge=charge,
            payment_intent=intent_id,
            reason="fraudulent",
            status="warning_needs_response" if inquiry else "needs_response",
            evidence={},
            evidence_details={"due_by": int(time.time()) + 7 * 86400},
            balance_transactions=[],
        )
        if not inquiry:
            self._move(dispute, -dispute["amount"], 1500)
        return dispute["id"]

    def decide(self, dispute_id: str, won: bool, fee_back: int = 0) -> None:
        dispute = self.things[dispute_id]
        dispute["status"] = "won" if won else "lost"
        if won:
            self._move(dispute, dispute["amount"], -fee_back)

    def appeal(self, dispute_id: str, again: bool = False) -> None:
        """The decision is contested; `again`: and the bank takes the money once more."""
        dispute = self.things[dispute_id]
        dispute.update(status="appeal_needs_response", evidence_details={"due_by": int(time.time()) + 9 * 86400})
        if again:
            self._move(dispute, -dispute["amount"], 0)

    def _move(self, dispute: Fact, amount: int, fee: int) -> None:
        source = {name: value for name, value in dispute.items() if name != "balance_transactions"}
        entry = self._book("adjustment", amount, source, fee=fee, category="dispute")
        dispute["balance_transactions"].append({**entry, "source": dispute["id"]})

    def pay_out(self) -> None:
        """All that has been earned, in a payout a currency."""
        due = [entry for entry in self._all("txn_") if entry["payout"] is None]
        for currency in sorted({entry["currency"] for entry in due}):
            entries = [entry for entry in due if entry["currency"] == currency]
            net, today = sum(entry["net"] for entry in entries), int(time.time())
            facts = {"amount": net, "currency": currency, "automatic": True, "arrival_date": today + 86400}
            payout = self._new("po", "payout", status="paid", **facts)
            entries.append(self._book("payout", -net, {"id": payout["id"], "object": "payout", "currency": currency}))
            for entry in entries:
                entry["payout"] = payout["id"]

    def send_back(self, payout_id: str) -> None:
        """Our bank does not take it: it is in the balance again."""
        payout = self.things[payout_id]
        payout["status"] = "failed"
        source = {name: payout[name] for name in ("id", "object", "amount", "currency")}
        self._book("payout_failure", payout["amount"], source)

    def update_dispute(self, params: Fact, dispute_id: str) -> Fact:
        dispute = self._get(dispute_id)
        dispute["evidence"].update(params.get("evidence", {}))
        if params.get("submit") == "true":
            appealed = dispute["status"].startswith("appeal_")
            dispute["status"] = "appeal_under_review" if appealed else "under_review"
        return dispute

    def close_dispute(self, params: Fact, dispute_id: str) -> Fact:
        self._get(dispute_id)["status"] = "lost"
        return self._get(dispute_id)

    def retrieve(self, params: Fact, thing_id: str) -> Fact:
        return self._get(thing_id)


class Hangup(Response):
    """The connection ends before anything is said."""


def card() -> Fact:
    facts = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "fingerprint": "fp4242"}
    return {"card": facts, "billing_details": {"name": "Maria Keller"}}


def takes(dispute: Fact) -> bool:
    return dispute["status"] in ("needs_response", "under_review", "lost")


def re_(thing: Fact) -> bool:
    return thing["object"] == "refund" and thing["status"] not in ("failed", "canceled")


def tree(pairs: list[tuple[str, str]]) -> Fact:
    """`a[b]=1` as {"a": {"b": "1"}}; lists stay dictionaries by their index."""
    found: Fact = {}
    for name, value in pairs:
        first, *rest = re.split(r"\[|\]\[|\]", name.removesuffix("]"))
        place = found
        *parents, last = first, *rest
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return found


def _search(fake: FakeStripe, params: Fact) -> Fact:
    name, value = re.fullmatch(r"metadata\['(\w+)'\]:'([^']+)'", params["query"]).groups()  # type: ignore[union-attr]
    found = fake._list(params, "pi_", lambda intent: intent["metadata"].get(name) == value)
    return {**found, "object": "search_result", "next_page": None}


ACTS: dict[tuple[str, str], Callable[..., Fact]] = {
    ("POST", "/v1/payment_intents"): FakeStripe.create_intent,
    ("GET", "/v1/payment_intents"): lambda fake, params: fake._list(params, "pi_"),
    ("GET", "/v1/payment_intents/search"): _search,
    ("GET", r"/v1/(?:payment_intents|refunds|disputes|setup_intents|payment_methods)/(\w+)"): FakeStripe.retrieve,
    ("POST", r"/v1/payment_intents/(\w+)/cancel"): FakeStripe.cancel_intent,
    ("POST", r"/v1/payment_intents/(\w+)/capture"): FakeStripe.capture,
    ("POST", "/v1/refunds"): FakeStripe.create_refund,
    ("GET", "/v1/refunds"): lambda fake, params: fake._list(
        params, "re_", lambda r: r["payment_intent"] == params["payment_intent"]
    ),
    ("POST", "/v1/customers"): lambda fake, params: fake._new("cus", "customer", **params),
    ("POST", "/v1/setup_intents"): FakeStripe.create_setup,
    ("GET", "/v1/setup_intents"): lambda fake, params: fake._list(params, "seti_"),
    ("POST", r"/v1/payment_methods/(\w+)/detach"): FakeStripe.detach,
    ("POST", "/v1/files"): lambda fake, params: fake._new("file", "file", purpose="dispute_evidence"),
    ("POST", r"/v1/disputes/(\w+)"): FakeStripe.update_dispute,
    ("POST", r"/v1/disputes/(\w+)/close"): FakeStripe.close_dispute,
    ("GET", "/v1/payouts"): lambda fake, params: fake._list(params, "po_"),
    ("GET", "/v1/balance_transactions"): lambda fake, params: fake._list(
        params, "txn_", lambda entry: entry["payout"] == params["payout"]
    ),
    ("GET", "/v1/account"): lambda fake, params: fake.things.get("acct", {"id": "acct_1", "object": "account"}),
    ("GET", "/v1/webhook_endpoints"): lambda fake, params: fake._list(params, "we_"),
}
