"""What every record with a status shares: one way to move, and a history row for each move."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, object_session

from .. import clock
from ..db import BigId, Model, append, identify
from ..errors import IllegalMove
from ..values import Value

if TYPE_CHECKING:
    from .people import User


class ActorKind(StrEnum):
    USER = "user"
    CUSTOMER = "customer"
    SYSTEM = "system"


class Actor(Value):
    """Who did something, as history remembers it."""

    kind: ActorKind
    name: str
    user_id: int | None = None

    @classmethod
    def of(cls, user: User) -> Actor:
        return cls(ActorKind.USER, user.name, user.id)

    @classmethod
    def customer(cls, name: str) -> Actor:
        return cls(ActorKind.CUSTOMER, name)


SYSTEM = Actor(ActorKind.SYSTEM, "Countersign")


class History(Model):
    """One thing that happened to one record. Append-only; also the order page's timeline, by `order_id`."""

    __tablename__ = "history"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("entity", "entity_id", "sequence"),
        Index("ix_history_order_id_at", "order_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    entity: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[int] = mapped_column(BigId)
    sequence: Mapped[int]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    event: Mapped[str] = mapped_column(String(60))
    from_status: Mapped[str | None] = mapped_column(String(40))
    to_status: Mapped[str | None] = mapped_column(String(40))
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_name: Mapped[str] = mapped_column(String(200))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    because: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime] = mapped_column(default=clock.now)


# The row that comes next in its record's history, numbered as it is written.
NEXT = insert(History).values(
    sequence=select(func.coalesce(func.max(History.sequence), 0) + 1)
    .where(
        History.entity == bindparam("whose", type_=String),
        History.entity_id == bindparam("whose_id", type_=BigInteger),
    )
    .scalar_subquery()
)


class Recorded:
    """A record whose happenings are history rows. `history_order_id` puts them on an order's timeline."""

    id: Any
    __tablename__: Any

    @property
    def history_order_id(self) -> int | None:
        return getattr(self, "order_id", None)

    def record(
        self,
        event: str,
        *,
        by: Actor,
        because: str | None = None,
        moved: tuple[str, str] | None = None,
        **data: Any,
    ) -> None:
        session = object_session(self)
        if session is None:
            raise RuntimeError("record() needs the record to be in a session")
        identify(self)
        append(
            NEXT,
            whose=self.__tablename__,
            whose_id=self.id,
            entity=self.__tablename__,
            entity_id=self.id,
            order_id=self.history_order_id,
            event=event,
            from_status=moved[0] if moved else None,
            to_status=moved[1] if moved else None,
            actor_kind=by.kind,
            actor_name=by.name,
            user_id=by.user_id,
            because=because,
            data=data,
            at=clock.now(),
        )


class Machine(Recorded):
    """A record with a `status` that only `transition()` writes."""

    EDGES: ClassVar[dict[Any, Any]]
    status: Any

    def can(self, event: StrEnum) -> bool:
        return (self.status, event) in self.EDGES

    def transition(self, event: StrEnum, *, by: Actor, because: str | None = None, **data: Any) -> None:
        """Move along one edge and remember it. Raises IllegalMove where there is no such edge."""
        target = self.EDGES.get((self.status, event))
        if target is None:
            raise IllegalMove(f"{self.__tablename__} {self.id}: {event} from {self.status}")
        moved = (str(self.status), str(target))
        self.status = target
        self.record(event, by=by, because=because, moved=moved, **data)
