"""The operator's figures: for the token's holder only, and true."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from app import jobs
from app.db import transaction
from tests.conftest import make_app

TOKEN = {"Authorization": "Bearer open-sesame"}


def test_without_the_token_there_is_nothing(app: Flask, tmp_path: Path) -> None:
    assert app.test_client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    guarded = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, METRICS_TOKEN="open-sesame").test_client()
    assert guarded.get("/metrics").status_code == 404
    assert guarded.get("/metrics", headers={"Authorization": "Bearer open-sesam"}).status_code == 404
    assert guarded.get("/metrics", headers={"Authorization": "Basic b3Blbi1zZXNhbWU="}).status_code == 404
    assert guarded.get("/metrics", headers=TOKEN).status_code == 200


def test_what_waits_is_counted(app: Flask, tmp_path: Path) -> None:
    with transaction():
        jobs.stage("documents.render", key=None, document_id=1)
    client = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, METRICS_TOKEN="open-sesame").test_client()
    text = client.get("/metrics", headers=TOKEN).text
    assert "countersign_jobs_due 1.0" in text and "countersign_jobs_failed 0.0" in text
    assert 'countersign_mails{status="failed"} 0.0' in text
    assert 'countersign_attempts_open{status="unknown"} 0.0' in text
