"""The architectures a pack may name. To add one: a file, a line here, a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from dnid.networks import zoo
from dnid.networks.build import build_one_of
from dnid.networks.dncnn import DnCNN
from dnid.networks.edsr import EDSR
from dnid.networks.refocus import Refocus
from dnid.networks.srvgg import SRVGGNetCompact
from dnid.networks.unet import UNet

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "dncnn": DnCNN,
    "edsr": EDSR,
    "refocus": Refocus,
    "srvgg": SRVGGNetCompact,
    "unet": UNet,
}


def build(architecture: str, options: Mapping[str, Any], weights: int | None = None) -> nn.Module:
    """A network with fresh weights. Raises PackDamaged for a name or options that do not fit.

    A name like `spandrel:SwinIR` is one of spandrel's, which the extra dnid[zoo] installs; one
    with more than `weights` values is refused.
    """
    if architecture.startswith(zoo.PREFIX):
        return zoo.build(architecture.removeprefix(zoo.PREFIX), options, weights)
    return build_one_of(ARCHITECTURES, "architecture", architecture, options)
