"""captures, voids and refunds asked for, disputes with their money, evidence packs"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
ACTIONS = ("authorize", "capture", "charge", "void", "refund", "refund_failure")
MOVEMENT = ("requested", "started", "pending", "unknown", "succeeded", "failed", "refused", "returned")
DISPUTE = ("needs_response", "under_review", "won", "lost", "accepted")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    _attempts()
    _transactions()
    _movements()
    _disputes()
    _packs()
    _settings()
    append_only.install(op.get_bind(), ["dispute_entry", "transaction"])


def _attempts() -> None:
    op.add_column("attempt", sa.Column("held_until", INSTANT, nullable=True))
    op.add_column("attempt", sa.Column("lapse_told_at", INSTANT, nullable=True))


def _transactions() -> None:
    """One more action. SQLite makes the table anew for it, which drops its triggers; `upgrade` puts them back."""
    known = ", ".join(f"'{action}'" for action in ACTIONS)
    with op.batch_alter_table("transaction") as batch:
        batch.drop_constraint("payment_transactionaction", type_="check")
        batch.create_check_constraint("payment_transactionaction", f"action IN ({known})")


def _movements() -> None:
    op.create_table(
        "movement",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("action", words("payment_transactionaction", *ACTIONS), nullable=False),
        sa.Column("status", words("movement_movementstatus", *MOVEMENT), nullable=False),
        sa.Column("payment_order_id", BIG, nullable=False),
        sa.Column("attempt_id", BIG, nullable=False),
        sa.Column("parent_id", BIG, nullable=False),
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("elsewhere", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=True),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("actor_user_id", BIG, nullable=True),
        sa.Column("decided_by_id", BIG, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_from", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ask_at", INSTANT, nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_movement_amount_positive")),
        sa.CheckConstraint("action IN ('capture', 'void', 'refund')", name=op.f("ck_movement_action_moves")),
        sa.CheckConstraint("elsewhere = (idempotency_key IS NULL)", name=op.f("ck_movement_keyed_unless_elsewhere")),
        foreign("movement", "payment_order_id", "payment_order"),
        foreign("movement", "attempt_id", "attempt"),
        foreign("movement", "parent_id", "transaction"),
        foreign("movement", "gateway_id", "gateway"),
        foreign("movement", "actor_user_id", "user"),
        foreign("movement", "decided_by_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
        sa.UniqueConstraint("public_id", name=op.f("uq_movement_public_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_movement_idempotency_key")),
    )
    for column in ("payment_order_id", "attempt_id", "parent_id"):
        op.create_index(op.f(f"ix_movement_{column}"), "movement", [column])
    op.create_index("ix_movement_status", "movement", ["status", "id"])
    ends = "action IN ('capture', 'void') AND status IN ('started', 'pending', 'unknown', 'succeeded')"
    _partial("uq_movement_end", "movement", ["parent_id"], ends, unique=True)
    named = "provider_id IS NOT NULL AND action = 'refund'"
    _partial("uq_movement_provider", "movement", ["gateway_id", "provider_id"], named, unique=True)
    _partial("ix_movement_ask", "movement", ["ask_at"], "ask_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    only = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _disputes() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("status", words("dispute_disputestatus", *DISPUTE), nullable=False),
        sa.Column("payment_order_id", BIG, nullable=False),
        sa.Column("transaction_id", BIG, nullable=False),
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=True),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("inquiry", sa.Boolean(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("due_by", INSTANT, nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("answered_with", sa.JSON(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("reminded_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("recorded_by_id", BIG, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_dispute_amount_positive")),
        foreign("dispute", "payment_order_id", "payment_order"),
        foreign("dispute", "transaction_id", "transaction"),
        foreign("dispute", "gateway_id", "gateway"),
        foreign("dispute", "recorded_by_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("number", name=op.f("uq_dispute_number")),
    )
    for column in ("payment_order_id", "transaction_id"):
        op.create_index(op.f(f"ix_dispute_{column}"), "dispute", [column])
    op.create_index("ix_dispute_status", "dispute", ["status", "id"])
    _partial("uq_dispute_provider", "dispute", ["gateway_id", "provider_id"], "provider_id IS NOT NULL", unique=True)
    _partial("ix_dispute_due", "dispute", ["due_by"], "status IN ('needs_response', 'under_review')")
    op.create_table(
        "dispute_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("dispute_id", BIG, nullable=False),
        sa.Column("gateway_id", BIG, nullable=False),
        sa.Column("kind", words("dispute_disputeentrykind", "debit", "fee", "reinstatement"), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=False),
        sa.Column("raw_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_dispute_entry_amount_positive")),
        foreign("dispute_entry", "dispute_id", "dispute"),
        foreign("dispute_entry", "gateway_id", "gateway"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_entry")),
        sa.UniqueConstraint(
            "gateway_id", "provider_id", "kind", name=op.f("uq_dispute_entry_gateway_id_provider_id_kind")
        ),
    )
    op.create_index(op.f("ix_dispute_entry_dispute_id"), "dispute_entry", ["dispute_id"])


def _packs() -> None:
    op.create_table(
        "evidence_pack",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("payment_order_id", BIG, nullable=True),
        sa.Column("dispute_id", BIG, nullable=True),
        sa.Column("filename", sa.String(length=120), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("listing", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("built_at", INSTANT, nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        foreign("evidence_pack", "order_id", "sales_order"),
        foreign("evidence_pack", "payment_order_id", "payment_order"),
        foreign("evidence_pack", "dispute_id", "dispute"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_pack")),
        sa.UniqueConstraint("public_id", name=op.f("uq_evidence_pack_public_id")),
    )
    op.create_index(op.f("ix_evidence_pack_order_id"), "evidence_pack", ["order_id"])
    op.create_index("ix_evidence_pack_subject", "evidence_pack", ["order_id", "payment_order_id", "dispute_id", "id"])


def _settings() -> None:
    """A switch that stops money has its row from the start, so that whoever decides by it can hold it."""
    setting = sa.table(
        "setting", sa.column("key", sa.String), sa.column("value", sa.JSON), sa.column("updated_at", sa.DateTime)
    )
    now = datetime.now(UTC)
    values = {"refunds.second_person": False, "refunds.limit": 100_000}
    op.bulk_insert(setting, [{"key": k, "value": v, "updated_at": now} for k, v in values.items()])


def downgrade() -> None:
    raise NotImplementedError("refunds and disputes are evidence; restore a backup instead")
