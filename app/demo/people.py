"""Who works at the demo company. One password for all: the demo lists them on its sign-in page."""

from __future__ import annotations

from ..access import Role
from ..values import Value

PASSWORD = "countersign-demo"


class Person(Value):
    name: str
    email: str
    title: str
    roles: tuple[Role, ...]
    team: str = ""


PEOPLE: tuple[Person, ...] = (
    Person("Dana Reyes", "dana.reyes@brightwater.example", "Account executive", (Role.SALESPERSON,), "North"),
    Person("Tom Okafor", "tom.okafor@brightwater.example", "Head of sales", (Role.SALES_MANAGER,), "North"),
    Person("Ines Laurent", "ines.laurent@brightwater.example", "Accounts receivable", (Role.AR,)),
    Person("Ruth Adler", "ruth.adler@brightwater.example", "Systems administrator", (Role.ADMIN,)),
    Person("Piotr Nowak", "piotr.nowak@brightwater.example", "Account executive", (Role.SALESPERSON,), "South"),
    Person("Mei Tanaka", "mei.tanaka@brightwater.example", "Order desk", (Role.ORDER_MANAGEMENT,)),
    Person("Sven Holm", "sven.holm@brightwater.example", "Payments engineer", (Role.PAYMENT_OPERATIONS,)),
    Person("Petra Lind", "petra.lind@brightwater.example", "Head of payments", (Role.PAYMENT_ADMIN,)),
    Person("Ada Moreno", "ada.moreno@brightwater.example", "Auditor", (Role.READ_ONLY,)),
)
