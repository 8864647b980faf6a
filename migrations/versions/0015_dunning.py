"""dunning: policies with their versions, cases with their steps, notices of expiring cards"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
CASE = ("open", "recovered", "paused", "cancelled", "stopped", "waived")
ACTION = ("retry", "authenticate", "new_method", "stop", "past_due")
KIND = ("retry_later", "new_method", "authenticate", "stop")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    _policies()
    _agreements()
    _cases()
    _steps()
    _card_notices()
    _standard()
    append_only.install(op.get_bind(), ["dunning_policy_version"])


def _policies() -> None:
    op.create_table(
        "dunning_policy",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("standard", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_policy")),
        sa.UniqueConstraint("name", name=op.f("uq_dunning_policy_name")),
    )
    only = sa.text("standard")
    op.create_index(
        "uq_dunning_policy_standard",
        "dunning_policy",
        ["standard"],
        unique=True,
        sqlite_where=only,
        postgresql_where=only,
    )
    op.create_table(
        "dunning_policy_version",
        sa.Column("id", BIG, nullable=False),
        sa.Column("policy_id", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_dunning_policy_version_version_counted_from_one")),
        foreign("dunning_policy_version", "policy_id", "dunning_policy"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_policy_version")),
        sa.UniqueConstraint("policy_id", "version", name=op.f("uq_dunning_policy_version_policy_id_version")),
    )


def _agreements() -> None:
    """SQLite takes the key with its column, so that the table and its indexes stay as they are."""
    name = "fk_payment_agreement_dunning_policy_id"
    if op.get_bind().dialect.name == "sqlite":
        key = f"CONSTRAINT {name} REFERENCES dunning_policy (id)"
        op.execute(f"ALTER TABLE payment_agreement ADD COLUMN dunning_policy_id INTEGER {key}")
    else:
        op.add_column("payment_agreement", sa.Column("dunning_policy_id", BIG, nullable=True))
        op.create_foreign_key(op.f(name), "payment_agreement", "dunning_policy", ["dunning_policy_id"], ["id"])


def _cases() -> None:
    op.create_table(
        "dunning_case",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agreement_id", BIG, nullable=False),
        sa.Column("scheduled_payment_id", BIG, nullable=False),
        sa.Column("policy_version_id", BIG, nullable=False),
        sa.Column("status", words("dunning_casestatus", *CASE), nullable=False),
        sa.Column("kind", words("declines_declineclass", *KIND), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name=op.f("ck_dunning_case_ended_when_over")),
        foreign("dunning_case", "agreement_id", "payment_agreement"),
        foreign("dunning_case", "scheduled_payment_id", "scheduled_payment"),
        foreign("dunning_case", "policy_version_id", "dunning_policy_version"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_case")),
    )
    op.create_index(op.f("ix_dunning_case_agreement_id"), "dunning_case", ["agreement_id"])
    op.create_index("ix_dunning_case_status_id", "dunning_case", ["status", "id"])
    op.create_index("ix_dunning_case_ended_at", "dunning_case", ["ended_at"])
    goes_on = sa.text("status = 'open'")
    op.create_index(
        "uq_dunning_case_open",
        "dunning_case",
        ["scheduled_payment_id"],
        unique=True,
        sqlite_where=goes_on,
        postgresql_where=goes_on,
    )


def _steps() -> None:
    op.create_table(
        "dunning_step",
        sa.Column("id", BIG, nullable=False),
        sa.Column("case_id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("action", words("dunning_action", *ACTION), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("tell_customer", sa.Boolean(), nullable=False),
        sa.Column("tell_owner", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("attempt_id", BIG, nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("held_until", INSTANT, nullable=True),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("dropped_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("done_at IS NULL OR dropped_at IS NULL", name=op.f("ck_dunning_step_done_or_dropped")),
        sa.CheckConstraint("attempt_id IS NULL OR action = 'retry'", name=op.f("ck_dunning_step_retries_charge")),
        foreign("dunning_step", "case_id", "dunning_case"),
        foreign("dunning_step", "attempt_id", "attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_step")),
        sa.UniqueConstraint("case_id", "position", name=op.f("uq_dunning_step_case_id_position")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_dunning_step_attempt_id")),
    )
    waits = sa.text("done_at IS NULL AND dropped_at IS NULL")
    op.create_index("ix_dunning_step_due", "dunning_step", ["due_at", "id"], sqlite_where=waits, postgresql_where=waits)


def _card_notices() -> None:
    op.create_table(
        "card_notice",
        sa.Column("id", BIG, nullable=False),
        sa.Column("method_id", BIG, nullable=False),
        sa.Column("exp_year", sa.Integer(), nullable=False),
        sa.Column("exp_month", sa.Integer(), nullable=False),
        sa.Column("agreement_id", BIG, nullable=False),
        sa.Column("request_id", BIG, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        foreign("card_notice", "method_id", "payment_method"),
        foreign("card_notice", "agreement_id", "payment_agreement"),
        foreign("card_notice", "request_id", "method_request"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_notice")),
        sa.UniqueConstraint(
            "method_id", "exp_year", "exp_month", name=op.f("uq_card_notice_method_id_exp_year_exp_month")
        ),
    )
    op.create_index(op.f("ix_card_notice_agreement_id"), "card_notice", ["agreement_id"])


def _standard() -> None:
    """The policy that every agreement runs under where it names no other."""
    now = datetime.now(UTC)
    policy = sa.table("dunning_policy", *(sa.column(x) for x in ("id", "name", "standard", "version", "created_at")))
    version = sa.table(
        "dunning_policy_version",
        *(sa.column(x) for x in ("policy_id", "version")),
        sa.column("content", sa.JSON),
        *(sa.column(x) for x in ("made_by", "created_at")),
    )
    row = {"name": "Standard", "standard": True, "version": 1, "created_at": now}
    op.execute(sa.insert(policy).values(**row))
    policy_id = op.get_bind().scalar(sa.select(policy.c.id).where(policy.c.name == "Standard"))
    said = {"policy_id": policy_id, "version": 1, "content": STANDARD, "made_by": "Countersign", "created_at": now}
    op.execute(sa.insert(version).values(**said))


def _step(day: int, action: str, *, owner: bool) -> dict[str, Any]:
    return {"day": day, "action": action, "customer": True, "owner": owner}


def _steps_of(action: str, days: tuple[int, ...], last: int) -> list[dict[str, Any]]:
    return [*(_step(day, action, owner=n == 0) for n, day in enumerate(days)), _step(last, "stop", owner=True)]


STANDARD = {
    "format": 1,
    "past_due_after": 0,
    "ending": "pause",
    "steps": {
        "retry_later": _steps_of("retry", (1, 3, 5, 7), 10),
        "authenticate": _steps_of("authenticate", (0, 3), 7),
        "new_method": _steps_of("new_method", (0, 3, 6), 10),
        "stop": _steps_of("new_method", (0, 5), 10),
    },
}


def downgrade() -> None:
    raise NotImplementedError("dunning stories are evidence; restore a backup instead")
