"""Customers: accounts with their contacts, addresses and opportunities."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..db import BigId, Model, enum
from .machine import Recorded


class TaxStatus(StrEnum):
    STANDARD = "standard"
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"


class Account(Recorded, Model):
    """A customer. The billing fields say who is invoiced, where, and on what terms (days until due). Payment routes may
    ask for an `account_group`. `ap_email` is where its accounts payable read mail, if they have an address."""

    __tablename__ = "account"
    __lock_rank__ = 1

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    account_group: Mapped[str] = mapped_column(String(40), default="")
    tax_id: Mapped[str] = mapped_column(String(40), default="")
    ap_email: Mapped[str] = mapped_column(String(254), default="")
    tax_status: Mapped[TaxStatus] = mapped_column(enum(TaxStatus), default=TaxStatus.STANDARD)
    payment_terms_days: Mapped[int] = mapped_column(default=14)
    billing_contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("contact.id", use_alter=True, name="fk_account_billing_contact_id")
    )
    billing_address_id: Mapped[int | None] = mapped_column(
        ForeignKey("address.id", use_alter=True, name="fk_account_billing_address_id")
    )
    shipping_address_id: Mapped[int | None] = mapped_column(
        ForeignKey("address.id", use_alter=True, name="fk_account_shipping_address_id")
    )
    default_method_id: Mapped[int | None] = mapped_column(
        ForeignKey("payment_method.id", use_alter=True, name="fk_account_default_method_id")
    )
    hold_reason: Mapped[str | None]
    hold_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    hold_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    contacts: Mapped[list[Contact]] = relationship(
        foreign_keys="Contact.account_id", back_populates="account", order_by="Contact.id"
    )
    addresses: Mapped[list[Address]] = relationship(foreign_keys="Address.account_id", order_by="Address.id")
    opportunities: Mapped[list[Opportunity]] = relationship(back_populates="account", order_by="Opportunity.id")
    billing_contact: Mapped[Contact | None] = relationship(foreign_keys=[billing_contact_id], post_update=True)
    billing_address: Mapped[Address | None] = relationship(foreign_keys=[billing_address_id], post_update=True)
    shipping_address: Mapped[Address | None] = relationship(foreign_keys=[shipping_address_id], post_update=True)


class Contact(Model):
    __tablename__ = "contact"
    __table_args__ = (Index("ix_contact_email", "email"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str] = mapped_column(String(40), default="")
    language: Mapped[str] = mapped_column(String(10), default="en")

    account: Mapped[Account] = relationship(foreign_keys=[account_id], back_populates="contacts")


class Address(Model):
    """Never edited once something points at it: a changed address is a new row."""

    __tablename__ = "address"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(20))
    city: Mapped[str] = mapped_column(String(100))
    region: Mapped[str] = mapped_column(String(100), default="")
    country: Mapped[str] = mapped_column(String(2))

    @property
    def lines(self) -> list[str]:
        return [self.name, self.street, f"{self.postcode} {self.city}, {self.country}"]

    @property
    def place(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("street", "postcode", "city", "country")}


class OpportunityStage(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Opportunity(Recorded, Model):
    __tablename__ = "opportunity"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    stage: Mapped[OpportunityStage] = mapped_column(enum(OpportunityStage), default=OpportunityStage.OPEN)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))

    account: Mapped[Account] = relationship(back_populates="opportunities")
