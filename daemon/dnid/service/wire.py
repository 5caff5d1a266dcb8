"""Headers as MessagePack (ZeroMQ's door) and messages on a pipe (the bridge's door)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence

import msgpack
import zmq

from dnid.errors import BadMessage
from dnid.service.messages import MAX_FRAME_BYTES, Header

MAX_HEADER_BYTES = 2**20
MAX_FRAMES = 4
"""Beside the header: pixels and mask, and the same of the whole picture."""

Buffer = bytes | bytearray | memoryview
Frame = Buffer | zmq.Frame

ReadInto = Callable[[memoryview], int | None]
"""Fills the start of a buffer; how many bytes, 0 at the end of the file."""
Write = Callable[[memoryview], int | None]
"""How many bytes it took."""


def pack_header(header: Header) -> bytes:
    """Raises BadMessage when it cannot be said in MessagePack or is too long."""
    try:
        data: bytes = msgpack.packb(header)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadMessage(f"The header cannot be sent: {error}.") from error
    if len(data) > MAX_HEADER_BYTES:
        raise BadMessage("A header is at most 1 MiB.")
    return data


def unpack_header(data: Buffer) -> Header:
    """Raises BadMessage."""
    if len(data) > MAX_HEADER_BYTES:
        raise BadMessage("A header is at most 1 MiB.")
    try:
        # Without the limits, nested arrays that only claim a length cost gigabytes.
        header = msgpack.unpackb(
            data, strict_map_key=True, max_array_len=4096, max_map_len=1024, max_ext_len=0
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise BadMessage(f"The header is not MessagePack as it should be: {error}.") from error
    if not isinstance(header, dict):
        raise BadMessage("A header is a map.")
    return header


def read_message(read_into: ReadInto) -> tuple[Header, list[bytearray]] | None:
    """The next message of a pipe, each frame read straight into a buffer of its own.

    None at the end of the file. Raises BadMessage.
    """
    start = bytearray(4)
    if not (got := read_into(memoryview(start))):
        return None
    _fill(read_into, memoryview(start)[got:])
    (length,) = struct.unpack("<I", start)
    if length > MAX_HEADER_BYTES:
        raise BadMessage("A header is at most 1 MiB.")
    text = bytearray(length)
    _fill(read_into, memoryview(text))
    header, lengths = _parse_json(text)
    frames = [bytearray(size) for size in lengths]
    for frame in frames:
        _fill(read_into, memoryview(frame))
    return header, frames


def write_message(write: Write, header: Header, frames: Sequence[Frame]) -> None:
    """Put a message on a pipe without gathering it first."""
    buffers = [frame.buffer if isinstance(frame, zmq.Frame) else frame for frame in frames]
    sizes = [memoryview(buffer).nbytes for buffer in buffers]
    text = json.dumps({**header, "frames": sizes}, separators=(",", ":")).encode()
    for buffer in (struct.pack("<I", len(text)) + text, *buffers):
        rest = memoryview(buffer).cast("B")
        while rest:
            rest = rest[write(rest) or 0 :]


def _fill(read_into: ReadInto, rest: memoryview) -> None:
    while rest:
        if not (got := read_into(rest)):
            raise BadMessage("The input ended in the middle of a message.")
        rest = rest[got:]


def _parse_json(text: bytearray) -> tuple[Header, list[int]]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"The header is not JSON: {error}.") from error
    if not isinstance(header, dict):
        raise BadMessage("A header is a JSON object.")
    lengths = header.pop("frames", [])
    if not isinstance(lengths, list) or len(lengths) > MAX_FRAMES:
        raise BadMessage(f"`frames` lists the lengths of at most {MAX_FRAMES} frames.")
    if not all(type(size) is int and 0 <= size <= MAX_FRAME_BYTES for size in lengths):
        raise BadMessage(f"A frame has 0 to {MAX_FRAME_BYTES} bytes.")
    return header, lengths
