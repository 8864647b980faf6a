"""Who buys from the demo company: twelve invented hospitals and clinics in nine countries."""

from __future__ import annotations

from ..commands.office import accounts
from ..commands.office.accounts import AddressFacts, ContactFacts, Profile
from ..models import Account, TaxStatus, User
from ..values import Value

STANDARD, EXEMPT, REVERSE = TaxStatus.STANDARD, TaxStatus.EXEMPT, TaxStatus.REVERSE_CHARGE


class Customer(Value):
    """People as (name, title, email before the @); the first signs, the last gets the invoices."""

    key: str
    name: str
    domain: str
    currency: str
    tax_status: TaxStatus
    tax_id: str
    place: tuple[str, str, str, str]
    people: tuple[tuple[str, str, str], ...]
    warehouse: tuple[str, str, str] | None = None
    terms_days: int = 14


CUSTOMERS: tuple[Customer, ...] = (
    Customer(
        "northfield",
        "Northfield Clinics GmbH",
        "northfield.example",
        "EUR",
        STANDARD,
        "DE298112044",
        ("Lindenweg 14", "80331", "Munich", "DE"),
        (("Maria Keller", "Head of operations", "maria.keller"), ("Jonas Falk", "Accounts payable", "accounts")),
        ("Hafenstrasse 3", "22525", "Hamburg"),
    ),
    Customer(
        "elbtal",
        "Elbtal Kliniken gGmbH",
        "elbtal-kliniken.example",
        "EUR",
        EXEMPT,
        "",
        ("Am Elbufer 40", "01326", "Dresden", "DE"),
        (("Katrin Vogel", "Managing director", "k.vogel"), ("Peter Lohse", "Purchasing", "einkauf")),
        terms_days=30,
    ),
    Customer(
        "maren",
        "St. Maren Hospital",
        "st-maren.example",
        "EUR",
        STANDARD,
        "DE277400198",
        ("Förde-Allee 7", "24103", "Kiel", "DE"),
        (("Henrik Jansen", "Chief information officer", "henrik.jansen"), ("Ute Brandt", "Finance", "finance")),
    ),
    Customer(
        "lac",
        "Clinique du Lac",
        "clinique-du-lac.example",
        "EUR",
        REVERSE,
        "FR40123456824",
        ("12 quai des Tilleuls", "69006", "Lyon", "FR"),
        (("Camille Durand", "Directrice des achats", "c.durand"),),
    ),
    Customer(
        "waterland",
        "Zorggroep Waterland",
        "zorggroep-waterland.example",
        "EUR",
        REVERSE,
        "NL809163160B01",
        ("Dijkstraat 88", "1441 BX", "Purmerend", "NL"),
        (("Sanne de Wit", "Programme manager", "s.dewit"), ("Bram Visser", "Crediteuren", "crediteuren")),
        terms_days=30,
    ),
    Customer(
        "jordi",
        "Hospital Sant Jordi",
        "sant-jordi.example",
        "EUR",
        REVERSE,
        "ESB58378431",
        ("Carrer de Mallorca 301", "08037", "Barcelona", "ES"),
        (("Núria Puig", "Head of nursing technology", "nuria.puig"),),
    ),
    Customer(
        "lakeview",
        "Lakeview Medical Center",
        "lakeview-medical.example",
        "USD",
        EXEMPT,
        "",
        ("2200 Shore Drive", "53703", "Madison", "US"),
        (("Grace Howell", "VP clinical systems", "grace.howell"), ("Leo Park", "Accounts payable", "ap")),
        terms_days=30,
    ),
    Customer(
        "bluegrass",
        "Bluegrass Physicians",
        "bluegrass-physicians.example",
        "USD",
        EXEMPT,
        "",
        ("410 Main Street", "40507", "Lexington", "US"),
        (("Dale Whitaker", "Practice administrator", "dwhitaker"),),
    ),
    Customer(
        "thames",
        "Thames Valley Care Trust",
        "thames-valley-care.example",
        "GBP",
        EXEMPT,
        "GB904447273",
        ("18 Abbey Square", "RG1 3BE", "Reading", "GB"),
        (("Olivia Grant", "Procurement lead", "olivia.grant"), ("Sam Okoro", "Accounts", "accounts")),
        terms_days=30,
    ),
    Customer(
        "aarau",
        "Klinik Aarau AG",
        "klinik-aarau.example",
        "CHF",
        EXEMPT,
        "CHE-113.690.319",
        ("Bahnhofstrasse 61", "5000", "Aarau", "CH"),
        (("Reto Baumann", "Leiter Informatik", "reto.baumann"),),
    ),
    Customer(
        "sakura",
        "Sakura General Hospital",
        "sakura-hospital.example",
        "JPY",
        EXEMPT,
        "",
        ("3-7-2 Nakanoshima", "530-0005", "Osaka", "JP"),
        (("Haruka Mori", "Deputy director", "h.mori"),),
    ),
    Customer(
        "gulf",
        "Gulf Care Clinics",
        "gulf-care.example",
        "KWD",
        EXEMPT,
        "",
        ("Block 4, Salem Street 22", "20012", "Kuwait City", "KW"),
        (("Layla Haddad", "Operations manager", "layla.haddad"),),
    ),
)


def write(customer: Customer, *, by: User) -> Account:
    """The account with its people and places."""
    profile = Profile(
        name=customer.name,
        currency=customer.currency,
        tax_id=customer.tax_id,
        tax_status=customer.tax_status,
        payment_terms_days=customer.terms_days,
    )
    account = accounts.create(profile, by=by)
    contacts = [
        accounts.add_contact(
            account.id, ContactFacts(name=name, title=title, email=f"{local}@{customer.domain}"), by=by
        )
        for name, title, local in customer.people
    ]
    street, postcode, city, country = customer.place
    billing = accounts.add_address(
        account.id,
        AddressFacts(name=customer.name, street=street, postcode=postcode, city=city, country=country),
        by=by,
    )
    shipping = billing
    if customer.warehouse:
        street, postcode, city = customer.warehouse
        facts = AddressFacts(
            name=f"{customer.name}, warehouse", street=street, postcode=postcode, city=city, country=country
        )
        shipping = accounts.add_address(account.id, facts, by=by)
    accounts.choose(
        account.id,
        billing_contact_id=contacts[-1].id,
        billing_address_id=billing.id,
        shipping_address_id=shipping.id,
        by=by,
    )
    return account
