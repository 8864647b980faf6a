"""The demo company's deals: what was quoted to whom and how far it got. Told oldest first by `story.py`."""

from __future__ import annotations

from ..models import Due, Frequency, Renewal
from ..values import Value

Lines = tuple[tuple[str, int, int], ...]
"""SKU, quantity, discount in percent."""

Plan = tuple[tuple[int, Due], ...]
"""Percent of the total, and when it is due."""

ALL_NOW: Plan = ((100, Due.SIGNATURE),)
DEPOSIT_30: Plan = ((30, Due.SIGNATURE), (70, Due.DELIVERY))
DEPOSIT_10: Plan = ((10, Due.SIGNATURE), (90, Due.DELIVERY))
ON_TERMS: Plan = ((100, Due.DELIVERY),)

MONTHLY = Frequency.MONTHLY
WARD: Lines = (("BT-10", 60, 0), ("WM-02", 60, 5), ("CD-100", 120, 0), ("SV-INST", 2, 0))
DESK: Lines = (("CD-100", 40, 0), ("AP-API", 1, 0), ("SV-TRAIN", 2, 0))
PREMIUM: Lines = (("CD-200", 85, 10), ("ST-TB", 6, 0), ("SU-PREM", 1, 0), ("SV-TRAIN", 3, 0))
CALL: Lines = (("NC-20", 140, 8), ("GW-01", 6, 0), ("SV-INST", 3, 0))
BANDS: Lines = (("WB-05", 48, 0), ("BK-PRINT", 25, 0))
TRIAL: Lines = (("CD-100", 10, 0), ("BT-10", 4, 0))


class Deal(Value):
    """`steps` are spread over the days since `days_ago`; `start_in` days after the first of them it begins."""

    customer: str
    owner: str
    name: str
    days_ago: float
    lines: Lines
    steps: str
    plan: Plan = DEPOSIT_30
    term_months: int | None = 24
    frequency: Frequency | None = MONTHLY
    renewal: Renewal = Renewal.AUTO
    start_in: int | None = None
    valid_days: int = 30
    message: str = ""
    notes: str = ""
    rows: int = 0


DANA, PIOTR, TOM = "dana.reyes", "piotr.nowak", "tom.okafor"
TO_ORDER = "submit approve convert"

DEALS: tuple[Deal, ...] = (
    Deal("thames", PIOTR, "Handbooks for the trust", 130, BANDS, f"{TO_ORDER} book", ON_TERMS, None, None),
    Deal("jordi", PIOTR, "Wristbands, spring", 100, BANDS, f"{TO_ORDER} book", ON_TERMS, None, None),
    Deal("maren", DANA, "Ward 3 bedside terminals", 58, WARD, f"{TO_ORDER} send view sign pay:visa", start_in=6),
    Deal("waterland", PIOTR, "Care desk for six homes", 52, DESK, f"{TO_ORDER} book", ON_TERMS),
    Deal("jordi", PIOTR, "Wristbands, autumn", 47, BANDS, "submit", ALL_NOW, None, None, valid_days=14),
    Deal("elbtal", DANA, "Premium desk and archive", 44, PREMIUM, f"{TO_ORDER} book", ON_TERMS, start_in=5),
    Deal("thames", PIOTR, "Nurse call, Abbey wing", 41, CALL, "submit approve", DEPOSIT_30, valid_days=21),
    Deal("northfield", DANA, "Care desk pilot", 36, TRIAL, f"{TO_ORDER} collect:visa", ALL_NOW, 12),
    Deal("lac", PIOTR, "Nurse call renewal", 33, CALL, f"{TO_ORDER} cancel", DEPOSIT_30, None, None, Renewal.NONE),
    Deal("lakeview", DANA, "Archive for radiology", 30, PREMIUM, f"{TO_ORDER} send view sign pay:amex", DEPOSIT_10),
    Deal("aarau", PIOTR, "Terminals, first floor", 28, WARD, "submit reject revise submit approve", DEPOSIT_30),
    Deal("sakura", DANA, "Pilot in Osaka", 26, TRIAL, f"{TO_ORDER} send", ALL_NOW, valid_days=40),
    Deal(
        "gulf", PIOTR, "Clinics in Salmiya", 24, DESK, f"{TO_ORDER} send view sign pay:visa", ALL_NOW, 12, start_in=45
    ),
    Deal("maren", DANA, "Training days", 22, (("SV-TRAIN", 6, 15),), f"{TO_ORDER} book", ON_TERMS, None, None),
    Deal("waterland", PIOTR, "Terminals for Edam", 20, WARD, "submit approve revise", DEPOSIT_30),
    Deal("jordi", PIOTR, "Care desk, phase one", 18, DESK, f"{TO_ORDER} send view decline", ALL_NOW, 12),
    Deal("thames", PIOTR, "Care desk for the trust", 16, PREMIUM, f"{TO_ORDER} send view change", DEPOSIT_10),
    Deal("elbtal", DANA, "Wristbands for 2027", 15, BANDS, "submit reject", ALL_NOW, None, None, Renewal.NONE),
    Deal("lakeview", DANA, "Nurse call, east tower", 9.5, CALL, f"{TO_ORDER} send view sign", DEPOSIT_30),
    Deal(
        "lac",
        PIOTR,
        "Bedside terminals, Lyon",
        12,
        WARD,
        f"{TO_ORDER} send view sign fail:insufficient-funds",
        DEPOSIT_10,
        message="As agreed on the phone, with the wall mounts included.",
    ),
    Deal("northfield", DANA, "Support around the clock", 11, (("SU-PREM", 2, 0),), TO_ORDER, ALL_NOW, 12, None),
    Deal("gulf", PIOTR, "Wristbands", 10, BANDS, TO_ORDER, ALL_NOW, None, None),
    Deal("aarau", PIOTR, "Interface and storage", 9, (("AP-API", 2, 0), ("ST-TB", 12, 5)), TO_ORDER, ALL_NOW, 36),
    Deal("maren", DANA, "Ward 4 bedside terminals", 8, WARD, f"{TO_ORDER} book", ON_TERMS, start_in=30),
    Deal(
        "northfield",
        DANA,
        "Clinic roll-out 2026",
        6,
        WARD,
        f"{TO_ORDER} send view",
        DEPOSIT_10,
        start_in=10,
        message="Dear Maria, this is the order we spoke about on Tuesday.",
        notes="Gate 2 for deliveries over one pallet.",
        rows=40,
    ),
    Deal("bluegrass", DANA, "Trial at two practices", 7, TRIAL, TO_ORDER, ALL_NOW, 12),
    Deal("sakura", DANA, "Nurse call, Osaka", 5, CALL, f"{TO_ORDER} send", DEPOSIT_30),
    Deal("waterland", PIOTR, "Archive storage", 4, (("ST-TB", 20, 0), ("SU-STD", 1, 0)), "submit approve", ALL_NOW, 12),
    Deal("elbtal", DANA, "Terminals, new building", 3, WARD, "submit", DEPOSIT_30, start_in=40),
    Deal("maren", PIOTR, "Handbooks", 2, (("BK-PRINT", 120, 10),), "submit", ALL_NOW, None, None, Renewal.NONE),
    Deal("thames", TOM, "Trial at Reading", 2, TRIAL, "submit", ALL_NOW, 12),
    Deal("lakeview", DANA, "Premium desk, west tower", 1, PREMIUM, "", DEPOSIT_30),
    Deal("northfield", DANA, "Handheld scanners", 0.4, BANDS, "", ((50, Due.SIGNATURE),), None, None, Renewal.NONE),
)
