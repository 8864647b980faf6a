"""Imports the product, all of it: what each process of the crew would else do anew."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

from app import create_app
from tests.bench import crew as crew

create_app({"INSTANCE": Path(gettempdir()), "SQLALCHEMY_DATABASE_URI": "sqlite://"})
