"""What a network takes over from one of another shape: a smaller scale, fewer blocks."""

from __future__ import annotations

import re

from torch import Tensor, nn

from dnid.networks.edsr import EDSR
from dnid.networks.unet import ResidualBlock

State = dict[str, Tensor]


def inherited(network: nn.Module, state: State) -> State:
    """A state of `network`: of `state` the layers that have the same name and shape, else its own.

    Residual blocks that `state` does not have add nothing at first, so a deeper network starts
    as the shallower one ends (function-preserving growth: Chen et al., Net2Net, ICLR 2016).
    """
    if isinstance(network, EDSR):
        state = _with_the_last_last(state, len(network.body) - 1)
    for path, block in network.named_modules():
        if isinstance(block, ResidualBlock) and f"{path}.conv2.weight" not in state:
            for parameter in block.conv2.parameters():
                nn.init.zeros_(parameter)
    own = network.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    return own | fitting


def _with_the_last_last(state: State, blocks: int) -> State:
    """EDSR's body ends in a convolution; its number is that of the blocks before it."""
    last = re.compile(r"body\.\d+\.(weight|bias)$")
    return {last.sub(rf"body.{blocks}.\1", key): value for key, value in state.items()}
