"""write-offs that are taken back by rows of their own; an escalation for receipts of which more left than had come"""

import sqlalchemy as sa
from alembic import op

from app import append_only

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SYMPTOMS = (
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
    "overdrawn",
)


def upgrade() -> None:
    with op.batch_alter_table("write_off") as batch:
        batch.add_column(sa.Column("reverses_id", BIG, nullable=True))
        batch.create_foreign_key(op.f("fk_write_off_reverses_id"), "write_off", ["reverses_id"], ["id"])
        batch.create_unique_constraint(op.f("uq_write_off_reverses_id"), ["reverses_id"])
        batch.drop_constraint(op.f("ck_write_off_amount_positive"), type_="check")
        batch.create_check_constraint(
            op.f("ck_write_off_reversal_takes_back"),
            "(reverses_id IS NULL AND amount > 0) OR (reverses_id IS NOT NULL AND amount < 0)",
        )
    append_only.install(op.get_bind(), ["write_off"])
    known = ", ".join(f"'{symptom}'" for symptom in SYMPTOMS)
    with op.batch_alter_table("escalation") as batch:
        batch.drop_constraint("escalation_symptom", type_="check")
        batch.create_check_constraint("escalation_symptom", f"symptom IN ({known})")


def downgrade() -> None:
    raise NotImplementedError("write-offs are evidence; restore a backup instead")
