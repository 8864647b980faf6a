"""The picture that the company bears on pages and papers: drawn in SVG, or a PNG."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

from ... import access, audit
from ...access import Permission
from ...db import transaction
from ...errors import Refusal
from ...models import Actor, Company, Logo, User

MOST_BYTES = 100_000
MOST_PIXELS = 2_000
SVG, PNG = "image/svg+xml", "image/png"
PNG_END = b"IEND\xaeB\x60\x82"
NAMESPACE, HTML = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xhtml}"
# What draws, and neither runs, nor moves, nor brings in anything from elsewhere.
ELEMENTS = frozenset(
    (
        *("svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"),
        *("defs", "symbol", "use", "style", "title", "desc", "metadata"),
        *("linearGradient", "radialGradient", "stop", "pattern", "clipPath", "mask"),
    )
)
FAR = re.compile(r"url\(\s*['\"]?(?!#|['\"]?#)|@import|expression\(|javascript:", re.IGNORECASE)


def write(body: bytes, *, by: User) -> Logo:
    """The company bears this from now on; papers already made keep theirs. Raises Refusal `not_permitted`,
    `logo_too_large`, `no_picture`, `picture_too_large`, `picture_not_alone`."""
    if len(body) > MOST_BYTES:
        raise Refusal("logo_too_large", "A logo may have at most 100 kB.", "Save it as SVG, or as a smaller PNG.")
    mimetype = _kind(body)
    with transaction() as session:
        access.demand(by, Permission.SETTINGS_EDIT)
        company = session.get_one(Company, 1, with_for_update=True, populate_existing=True)
        sha256 = hashlib.sha256(body).hexdigest()
        row = session.get(Logo, sha256)
        if row is None:
            row = Logo(sha256=sha256, mimetype=mimetype, body=body)
            session.add(row)
            session.flush()
        _bear(company, sha256, by)
        return row


def take_off(*, by: User) -> None:
    """The company bears its name alone. Raises Refusal `not_permitted`."""
    with transaction() as session:
        access.demand(by, Permission.SETTINGS_EDIT)
        _bear(session.get_one(Company, 1, with_for_update=True, populate_existing=True), None, by)


def _bear(company: Company, sha256: str | None, by: User) -> None:
    if company.logo != sha256:
        audit.note("company.logo", company.name, by=Actor.of(by), before={"logo": company.logo}, after={"logo": sha256})
        company.logo = sha256


def _kind(body: bytes) -> str:
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        _refuse_unless_png(body)
        return PNG
    _refuse_unless_plain_svg(body)
    return SVG


def _refuse_unless_png(body: bytes) -> None:
    from PIL import Image, UnidentifiedImageError  # which no web process needs but this once

    if PNG_END not in body:  # what draws papers has Pillow fill up what is cut off
        raise _no_picture()
    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as picture:
            wide, high = picture.size
            too_large = max(wide, high) > MOST_PIXELS
            if not too_large:
                picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _no_picture() from error
    if too_large:
        raise Refusal(
            "picture_too_large",
            "The picture is %(wide)s by %(high)s pixels; at most %(most)s each way.",
            "Make it smaller.",
            wide=wide,
            high=high,
            most=MOST_PIXELS,
        )


def _refuse_unless_plain_svg(body: bytes) -> None:
    from lxml import etree  # as above

    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError as error:
        raise _no_picture() from error
    if root.tag != f"{NAMESPACE}svg":
        raise _no_picture()
    if root.getroottree().docinfo.internalDTD is not None and root.getroottree().docinfo.internalDTD.entities():
        raise _not_alone("entities of its own")
    if root.getprevious() is not None and b"<?xml-stylesheet" in body:
        raise _not_alone("a style that loads something")
    if not root.get("viewBox") and not (root.get("width") and root.get("height")):
        raise Refusal("no_picture", "The SVG does not say how large it is.", "Save it with a viewBox.")
    for element in root.iter(etree.Element):
        _refuse_unless_it_draws(element)


def _refuse_unless_it_draws(element: Any) -> None:
    namespace, _, name = element.tag.rpartition("}")
    if (f"{namespace}}}" == NAMESPACE and name not in ELEMENTS) or f"{namespace}}}" == HTML:
        raise _not_alone(f"<{name}>")
    for attribute, value in element.attrib.items():
        plain = attribute.rpartition("}")[2]
        if plain.lower().startswith("on") or (plain in ("href", "src") and not value.startswith("#")):
            raise _not_alone(plain)
        if FAR.search(value):
            raise _not_alone(plain)
    if name == "style" and FAR.search("".join(element.itertext())):
        raise _not_alone("a style that loads something")


def _no_picture() -> Refusal:
    return Refusal("no_picture", "This is neither an SVG nor a PNG that can be read.", "Save the logo as SVG or PNG.")


def _not_alone(what: str) -> Refusal:
    return Refusal(
        "picture_not_alone",
        "The SVG does more than draw: it has %(what)s.",
        "Export it as plain SVG, with everything converted to paths.",
        what=what,
    )
