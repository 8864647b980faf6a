"""Moving a route to another gateway, and what that means for each saved method."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from ..states import route_migration as states
from ..states.route_migration import MigrationStatus
from .machine import Machine
from .method import Gateway, PaymentMethod, Route


class RouteMigration(Machine, Model):
    """`ask_customers`: whoever needs a new card is mailed the link for it. `last_method_id` is how far the job is."""

    __tablename__ = "route_migration"
    __table_args__ = (
        Index(
            "uq_route_migration_running",
            "route_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )
    EDGES: ClassVar = states.EDGES

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    route_id: Mapped[int] = mapped_column(ForeignKey("route.id"), index=True)
    from_gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    to_gateway_id: Mapped[int] = mapped_column(ForeignKey("gateway.id"))
    status: Mapped[MigrationStatus] = mapped_column(enum(MigrationStatus), default=MigrationStatus.RUNNING)
    ask_customers: Mapped[bool] = mapped_column(default=False)
    total: Mapped[int]
    last_method_id: Mapped[int] = mapped_column(BigId, default=0)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]

    route: Mapped[Route] = relationship()
    from_gateway: Mapped[Gateway] = relationship(foreign_keys=[from_gateway_id])
    to_gateway: Mapped[Gateway] = relationship(foreign_keys=[to_gateway_id])


class Fate(StrEnum):
    """What a saved method is after the move."""

    READY = "ready"
    NEW_CARD = "new_card"
    BLOCKED = "blocked"


class MigratedMethod(Model):
    """One saved method's line in the result. `note` says what was done, or what stands in the way."""

    __tablename__ = "migrated_method"
    __table_args__ = (UniqueConstraint("migration_id", "method_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    migration_id: Mapped[int] = mapped_column(ForeignKey("route_migration.id"))
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"))
    fate: Mapped[Fate] = mapped_column(enum(Fate))
    note: Mapped[str] = mapped_column(String(300), default="")

    method: Mapped[PaymentMethod] = relationship()
