"""Packs that name an architecture of spandrel, where it is not installed and where it is."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from dnid.errors import PackDamaged
from dnid.networks import build

has_spandrel = importlib.util.find_spec("spandrel") is not None
needs_spandrel = pytest.mark.skipif(
    not has_spandrel, reason="spandrel is not installed; installer/test.sh has it"
)

COMPACT: dict[str, Any] = {
    "network": "SRVGGNetCompact",
    "arguments": {"num_feat": 4, "num_conv": 1, "upscale": 2},
    "multiple": 1,
    "scale": 2,
}


@pytest.mark.skipif(has_spandrel, reason="spandrel is installed here")
def test_without_the_extra_one_sentence_says_so() -> None:
    """The daemon tells what to install."""
    with pytest.raises(PackDamaged) as told:
        build("spandrel:SwinIR", {"network": "SwinIR"})
    assert str(told.value) == (
        "This pack needs spandrel for its architecture SwinIR; install dnid[zoo]."
    )


@pytest.mark.parametrize("name", ["", "../x", "a.b", "os;x", "Ünder", "__arch_helpers.block"])
def test_a_name_that_is_no_architecture_is_refused(name: str) -> None:
    """Nothing but a package of spandrel's own is imported."""
    with pytest.raises(PackDamaged, match="is not the name of an architecture"):
        build(f"spandrel:{name}", COMPACT)


@needs_spandrel
def test_a_network_is_built_as_it_was_imported() -> None:
    """Its layout is spandrel's, its sizes are those of the options."""
    network = build("spandrel:Compact", COMPACT)
    assert (network.multiple, network.scale) == (1, 2)
    assert network(torch.rand(1, 3, 5, 7)).shape == (1, 3, 10, 14)
    assert "body.0.weight" in network.state_dict()


@needs_spandrel
def test_it_runs_in_the_format_of_its_weights() -> None:
    """A bfloat16 network takes float32 pixels, as the project's own do."""
    network = build("spandrel:Compact", COMPACT).to(torch.bfloat16)
    assert network(torch.rand(1, 3, 4, 4)).dtype == torch.bfloat16


@needs_spandrel
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": "Module"}, "has no network"),
        ({"network": "CompactArch"}, "has no network"),
        ({"arguments": {"num_feat": 10**9}}, "no number beyond 2048"),
        ({"arguments": {"num_feat": [[[[1]]]]}}, "beyond bounds"),
        ({"arguments": {"num_feat": [1000, 1000]}}, "beyond bounds"),
        ({"arguments": {"no_such": 1}}, "no_such"),
        ({"arguments": 3}, "must be an object"),
        ({"multiple": 0}, "multiple: integers"),
        ({"extra": 1}, "nothing else"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes: dict[str, Any], said: str) -> None:
    """Before anything large is made."""
    with pytest.raises(PackDamaged, match=said):
        build("spandrel:Compact", COMPACT | changes)


@needs_spandrel
def test_an_architecture_of_another_spandrel_is_told() -> None:
    """A pack may be newer than the installed spandrel."""
    with pytest.raises(PackDamaged, match="does not know 'NoSuchNet'"):
        build("spandrel:NoSuchNet", COMPACT)


@needs_spandrel
def test_a_network_larger_than_its_file_is_never_made() -> None:
    """Options that ask for gigabytes are refused at the first tensor beyond the file."""
    wide = COMPACT | {"arguments": {"num_feat": 2048, "num_conv": 64, "upscale": 2}}
    with pytest.raises(PackDamaged, match="more weights than the pack's file holds"):
        build("spandrel:Compact", wide, 1000)
    assert build("spandrel:Compact", COMPACT, 1000).scale == 2
