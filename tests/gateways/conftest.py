from __future__ import annotations

import pytest
from flask import Flask

from tests.gateways.bench import Bench
from tests.gateways.benches import BENCHES


@pytest.fixture(params=BENCHES)
def bench(app: Flask, request: pytest.FixtureRequest) -> Bench:
    return BENCHES[request.param]()
