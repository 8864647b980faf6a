"""A job is a row of the transaction that caused it: there with it, gone with it, once per key."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.db import db, transaction
from app.models import StagedJob


def count() -> int:
    return db.session.scalar(select(func.count(StagedJob.id))) or 0


def test_a_staged_job_is_done_after_its_transaction(app: Flask, done: list[int]) -> None:
    with transaction():
        jobs.stage("test.note", number=7)
    assert done == []
    assert jobs.run_due() == 1
    assert done == [7]
    assert jobs.run_due() == 0


def test_a_job_is_gone_with_its_transaction(app: Flask, done: list[int]) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        jobs.stage("test.note", number=7)
        raise ZeroDivisionError
    assert count() == 0


def test_staging_needs_a_transaction(app: Flask, done: list[int]) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        jobs.stage("test.note", number=7)


def test_the_same_key_is_staged_once_ever(app: Flask, done: list[int]) -> None:
    with transaction():
        first = jobs.stage("test.note", key="note:7", number=7)
    with transaction():
        assert jobs.stage("test.note", key="note:7", number=8) == first
    jobs.run_due()
    with transaction():
        assert jobs.stage("test.note", key="note:7", number=9) == first
    jobs.run_due()
    assert done == [7]


def test_a_job_for_later_waits(app: Flask, done: list[int]) -> None:
    with transaction():
        jobs.stage("test.note", number=7, run_after=clock.now() + timedelta(hours=1))
    assert jobs.run_due() == 0
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
        assert jobs.run_due() == 1


def test_jobs_are_done_in_the_order_they_fell_due(app: Flask, done: list[int]) -> None:
    with transaction():
        jobs.stage("test.note", number=2)
        jobs.stage("test.note", number=3)
        jobs.stage("test.note", number=1, run_after=clock.now() - timedelta(minutes=1))
    jobs.run_due()
    assert done == [1, 2, 3]
