"""Imports the product, all of it, and compiles its addresses: what each process would else do anew (see forks)."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

from tests.conftest import make_app

make_app("sqlite://", Path(gettempdir()))
