"""Which agreement a mail is about"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ASKED = """SELECT p.agreement_id FROM {table} x JOIN payment_order p ON p.id = x.payment_order_id
    WHERE x.id = order_email.subject_id"""
ABOUT = {
    "payment_agreement": "SELECT a.id FROM payment_agreement a WHERE a.id = order_email.subject_id",
    "card_notice": "SELECT n.agreement_id FROM card_notice n WHERE n.id = order_email.subject_id",
    "dunning_step": """SELECT c.agreement_id FROM dunning_step s JOIN dunning_case c ON c.id = s.case_id
        WHERE s.id = order_email.subject_id""",
    "invoice": "SELECT s.agreement_id FROM scheduled_payment s WHERE s.invoice_id = order_email.subject_id",
    "credit_note": """SELECT s.agreement_id FROM credit_note n JOIN scheduled_payment s ON s.invoice_id = n.invoice_id
        WHERE n.id = order_email.subject_id""",
} | {
    table.strip('"'): ASKED.format(table=table)
    for table in ("payment_intent", "attempt", "receipt", '"transaction"', "dispute")
}


def upgrade() -> None:
    with op.batch_alter_table("order_email") as batch:
        batch.add_column(sa.Column("agreement_id", BIG, nullable=True))
        batch.create_foreign_key(op.f("fk_order_email_agreement_id"), "payment_agreement", ["agreement_id"], ["id"])
    op.create_index("ix_order_email_agreement_id_id", "order_email", ["agreement_id", "id"])
    for kind, query in ABOUT.items():
        op.execute(f"UPDATE order_email SET agreement_id = ({query}) WHERE subject_kind = '{kind}'")  # noqa: S608


def downgrade() -> None:
    op.drop_index("ix_order_email_agreement_id_id", "order_email")
    with op.batch_alter_table("order_email") as batch:
        batch.drop_constraint(op.f("fk_order_email_agreement_id"), type_="foreignkey")
        batch.drop_column("agreement_id")
