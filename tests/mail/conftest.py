from __future__ import annotations

import pytest

from tests.mail.post import stand_in_pages


@pytest.fixture(autouse=True)
def pages(request: pytest.FixtureRequest) -> None:
    for name in ("app", "any_app"):
        if name in request.fixturenames:
            stand_in_pages(request.getfixturevalue(name))
