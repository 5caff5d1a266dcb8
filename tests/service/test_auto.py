"""`auto`: a picture goes to the daemon, strengths come back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from tests.service.processes import BridgeProcess, RawClient, recipe, restore_header

from dnid.engine.result import PackUsed, Proposed
from dnid.errors import BadRecipe
from dnid.service.client import Client

Daemon = Callable[..., "subprocess.Popen[str]"]


def test_the_engines_proposal_arrives(daemon: Daemon, client: Callable[..., Client]) -> None:
    """The engine sees the picture, and its strengths are told; its refusal as well."""
    daemon()
    one = client()
    image = np.full((3, 2, 3), 6, np.uint8)
    assert one.propose(image, recipe()) == Proposed(
        {"denoise": 0.6}, 0.25, (PackUsed("fake", "00"),)
    )
    with pytest.raises(BadRecipe, match="It has no idea"):
        one.propose(image, recipe("dumb"))


def test_it_waits_its_turn_and_can_be_cancelled(
    daemon: Daemon, raw: Callable[[], RawClient]
) -> None:
    """An auto stands in the queue of the restores."""
    daemon()
    one = raw()
    one.send(restore_header("first", "endless"), b"123456")
    one.send(restore_header("second", kind="auto"), b"123456")
    one.send({"v": 1, "kind": "cancel", "id": "c", "job": "second"})
    while (answer := one.receive())["id"] != "second" or answer["kind"] == "progress":
        pass
    assert (answer["kind"], answer["code"]) == ("error", "cancelled")


def test_the_bridge_passes_it_on(bridge: Callable[..., BridgeProcess]) -> None:
    """Through stdin and stdout, as JSON."""
    one = bridge()
    header = restore_header("5", kind="auto")
    del header["mask"]
    one.send(header, b"\x03xxxxx")
    answer, frames = one.receive_until("auto", "error")
    assert (answer["id"], answer["strengths"], frames) == ("5", {"denoise": 0.3}, [])
