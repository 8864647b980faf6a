"""escalations"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "escalation",
        sa.Column("id", BIG, nullable=False),
        sa.Column(
            "symptom",
            words(
                "escalation_symptom",
                "missing_context",
                "late_money",
                "link_failed",
                "retokenization",
                "attempt_unknown",
                "quarantined",
                "unmatched_event",
                "settlement_exception",
                "dispute_due",
                "invariant_broken",
            ),
            nullable=False,
        ),
        sa.Column(
            "team",
            words("escalation_team", "sales_operations", "payment_operations", "payment_admin", "finance", "admin"),
            nullable=False,
        ),
        sa.Column("status", words("escalation_escalationstatus", "open", "acknowledged", "resolved"), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject_label", sa.String(length=100), nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("summary", sa.String(length=500), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("opened_by", sa.String(length=200), nullable=False),
        sa.Column("owner_id", BIG, nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_escalation_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_escalation_account_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_escalation_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
    )
    unresolved = sa.text("status <> 'resolved'")
    op.create_index(
        "uq_escalation_unresolved",
        "escalation",
        ["symptom", "subject_kind", "subject_id"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_index("ix_escalation_team_status", "escalation", ["team", "status", "id"])
    op.create_index(op.f("ix_escalation_order_id"), "escalation", ["order_id"])


def downgrade() -> None:
    op.drop_table("escalation")
