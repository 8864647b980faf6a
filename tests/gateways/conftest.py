from __future__ import annotations

import pytest
from flask import Flask

from tests.gateways.bench import Bench
from tests.gateways.benches import BENCHES
from tests.gateways.stripe.bench import fake, stripe_bench  # noqa: F401  (fixtures)


@pytest.fixture(params=BENCHES)
def bench(app: Flask, request: pytest.FixtureRequest) -> Bench:
    """Of one adapter after the other; a bench that needs a server of its own is a fixture by the name given."""
    found = BENCHES[request.param]
    return request.getfixturevalue(found) if isinstance(found, str) else found()
