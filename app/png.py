"""Small PNG pictures from strangers: checked to the last chunk, and stripped of everything but the picture.

Source: PNG Specification (Third Edition), W3C, sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}  # colour type: bytes a pixel at eight bits, RGB and RGBA


class BadPicture(ValueError):
    """No picture, too large, broken, or empty."""


def cleaned(data: bytes, *, most_bytes: int, most_pixels: tuple[int, int]) -> bytes:
    """The picture rebuilt from header and pixels alone. Raises BadPicture, also for one without a single stroke."""
    if len(data) > most_bytes or not data.startswith(SIGNATURE):
        raise BadPicture("no PNG, or too large")
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND":
        raise BadPicture("broken frame")
    header = chunks[0][1]
    pixels = b"".join(body for kind, body in chunks if kind == b"IDAT")
    if not _has_strokes(pixels, _size(header, most_pixels)):
        raise BadPicture("empty")
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(data):
        if len(data) - position < 12:
            raise BadPicture("cut short")
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        check = data[position + 8 + length : position + 12 + length]
        if len(body) != length or check != struct.pack(">I", zlib.crc32(kind + body)):
            raise BadPicture("broken chunk")
        yield kind, body
        position += 12 + length


def _size(header: bytes, most: tuple[int, int]) -> int:
    """Bytes of the unpacked picture: each row has one more, for its filter."""
    if len(header) != 13:
        raise BadPicture("broken header")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    plain = depth == 8 and colour in CHANNELS and (compression, filtering, interlace) == (0, 0, 0)
    if not plain or not (0 < width <= most[0] and 0 < height <= most[1]):
        raise BadPicture("unsupported kind or size")
    return int(height * (1 + width * CHANNELS[colour]))


def _has_strokes(packed: bytes, size: int) -> bool:
    """Unpacks at most one byte more than the header promises, so that a bomb stays small."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, size + 1)
    except zlib.error:
        raise BadPicture("broken pixels") from None
    if len(raw) != size:
        raise BadPicture("not the promised size")
    return sum(1 for byte in set(raw) if byte > 4) > 0  # rows start with a filter number, 0 to 4


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
