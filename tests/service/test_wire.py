"""The bytes of PROTOCOL.md."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.service.processes import picture, restore_header

from dnid.errors import BadImage, BadMessage, DniError
from dnid.service import frames, messages, wire
from dnid.service.messages import Picture

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
any_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = ("v", "kind", "id", "recipe", "image", "mask", "client", "job", "device")


def test_header_bytes() -> None:
    """A header is a MessagePack map of strings and numbers, in the order it was written."""
    header = messages.answer("cancel", "7", job="3")
    assert wire.pack_header(header) == (b"\x84\xa1v\x01\xa4kind\xa6cancel\xa2id\xa17\xa3job\xa13")


def test_bridge_message_bytes() -> None:
    """A message on a pipe is a little-endian length, JSON with the frames' lengths, the frames."""
    pipe = io.BytesIO()
    wire.write_message(pipe.write, {"v": 1, "kind": "x", "id": "é"}, [b"ab", b"", b"c"])
    text = b'{"v":1,"kind":"x","id":"\\u00e9","frames":[2,0,1]}'
    assert pipe.getvalue() == b"\x31\0\0\0" + text + b"abc"


def test_bridge_message_is_read_as_written() -> None:
    """What one end writes the other reads, message after message, and then the end."""
    pipe = io.BytesIO()
    for header, payload in (({"id": "1"}, [b"abc", b"de"]), ({"id": "2"}, [])):
        wire.write_message(pipe.write, header, payload)
    pipe.seek(0)
    assert wire.read_message(pipe.readinto) == ({"id": "1"}, [b"abc", b"de"])
    assert wire.read_message(pipe.readinto) == ({"id": "2"}, [])
    assert wire.read_message(pipe.readinto) is None


def test_a_pipe_may_be_slow() -> None:
    """A message is put together from however little a read or a write takes."""
    pipe = io.BytesIO()
    wire.write_message(lambda data: pipe.write(data[:1]), {"id": "1"}, [b"abc"])
    pipe.seek(0)
    assert wire.read_message(lambda data: pipe.readinto(data[:1])) == ({"id": "1"}, [b"abc"])


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\x05\0\0\0{}",
        b"\xff\xff\xff\xff",
        b"\x02\0\0\0[]",
        b"\x02\0\0\0\xff\xff",
        b"\x02\0\0\0{{",
        struct.pack("<I", 400_000) + b"[" * 400_000,
        b'\x0e\0\0\0{"frames":[9]}abc',
        b'\x0f\0\0\0{"frames":[-1]}',
        b'\x0f\0\0\0{"frames":[1e3]}'.replace(b"\x0f", b"\x10"),
        b'\x11\0\0\0{"frames":[true]}',
        b'\x18\0\0\0{"frames":[0,0,0,0,0]} ',
        struct.pack("<I", 25) + b'{"frames":[999999999999]}',
    ],
)
def test_a_pipe_that_cannot_be_read(data: bytes) -> None:
    """Truncated, oversized and malformed input is refused, before memory is taken for it."""
    with pytest.raises(BadMessage):
        wire.read_message(io.BytesIO(data).readinto)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x90",
        b"\x81\x01\x02",
        b"\xc1",
        b"\x81\xa1v\xd4\x05\x00",
        msgpack.packb({"v": "x" * 2**20}),
        b"\xdd\x00\x0f\xff\xff" * 100,
        b"\x91" * 100_000,
        b"\x81\xa1v\xa1\xff",
    ],
)
def test_headers_that_cannot_be_read(data: bytes) -> None:
    """Truncated, oversized, nested and extended headers are refused."""
    with pytest.raises(BadMessage):
        wire.unpack_header(data)


@pytest.mark.parametrize("header", [{"n": 2**70}, {"s": "\ud800"}, {"x": "y" * 2**20}, {"o": {1}}])
def test_headers_that_cannot_be_sent(header: dict[str, Any]) -> None:
    """What MessagePack cannot say, or not within 1 MiB, is refused by name."""
    with pytest.raises(BadMessage):
        wire.pack_header(header)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pixels_come_back_exactly(dtype: str, channels: int) -> None:
    """A picture survives the way to a frame and back bit for bit, also from a strided view."""
    pixels = picture(6, 10, channels, dtype)[::2, 1::3]
    frame = zmq.Frame(bytes(frames.to_frame(pixels)))
    again = frames.to_array(frames.describe(pixels), frame)
    assert again.dtype == pixels.dtype
    assert again.tobytes() == pixels.tobytes()


def test_pixels_are_little_endian() -> None:
    """A 16-bit pixel travels low byte first."""
    assert bytes(frames.to_frame(np.array([[[0x1234]]], np.uint16))) == b"\x34\x12"


def test_large_frames_are_not_copied() -> None:
    """An array over a frame shares its memory."""
    frame = zmq.Frame(bytes(300 * 300))
    pixels = frames.to_array(Picture(300, 300, 1, "u8"), frame)
    assert np.shares_memory(pixels, np.frombuffer(frame.buffer, np.uint8))
    source = picture(3, 4, 3, "float32")
    assert np.shares_memory(source, np.asarray(frames.to_frame(source)))


@pytest.mark.parametrize("dtype", ["int32", "float64", "bool"])
def test_pixels_of_other_types_are_refused(dtype: str) -> None:
    """An array of a type that the wire does not have is a bad image."""
    with pytest.raises(BadImage):
        frames.describe(np.zeros((2, 2, 3), dtype))


@any_machine
@given(st.binary(max_size=64))
def test_any_bytes_as_a_header(data: bytes) -> None:
    """Whatever arrives is a map or a BadMessage."""
    with contextlib.suppress(BadMessage):
        assert isinstance(wire.unpack_header(data), dict)


@any_machine
@given(st.dictionaries(st.sampled_from(KEYS), JSON_VALUES))
def test_any_map_as_a_request(header: dict[str, Any]) -> None:
    """Whatever a map holds, it is a request or one of our errors."""
    for changed in (header, restore_header("1") | header):
        with contextlib.suppress(DniError):
            messages.parse_request(changed)


@any_machine
@given(JSON_VALUES, st.binary(max_size=16))
def test_any_json_on_a_pipe(value: object, rest: bytes) -> None:
    """Whatever JSON comes, it is a message or a BadMessage."""
    text = json.dumps(value).encode()
    with contextlib.suppress(BadMessage):
        wire.read_message(io.BytesIO(struct.pack("<I", len(text)) + text + rest).readinto)
