"""Find the architecture of weights through spandrel (the extra dnid[zoo])."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dnid.errors import BadInput
from dnid.networks import build, zoo
from dnipack.recognised import Recognised, State

_PROBE_SIDE = 64


def recognise_foreign(state: State) -> Recognised:
    """Raises BadInput where spandrel is not installed, does not know the weights, or knows
    them as a network that is not simply picture in, picture out."""
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ImportError as error:
        raise BadInput(
            "These weights are of none of the project's own architectures; "
            "with the extra dnid[zoo] about forty more are known."
        ) from error
    try:
        found = ModelLoader().load_from_state_dict(dict(state))
    except UnsupportedModelError as error:
        raise BadInput("These weights are of no architecture that spandrel knows.") from error
    except Exception as error:  # forty foreign readers raise all kinds
        raise BadInput(f"spandrel cannot read these weights: {error}") from error
    if not isinstance(found, ImageModelDescriptor):
        raise BadInput("The network also needs a mask; only picture in, picture out can be a pack.")
    return _as_recognised(found)


def _as_recognised(found: Any) -> Recognised:  # noqa: ANN401 - spandrel is optional
    name, network = found.architecture.id, found.model.eval()
    if (found.input_channels, found.output_channels) != (3, 3):
        raise BadInput(f"This {name} takes {found.input_channels} channels, not the 3 of RGB.")
    sizes = found.size_requirements
    if sizes.square or not _is_plain(found):
        raise BadInput(f"This {name} needs more than a picture of any size; it cannot be a pack.")
    arguments = {key: _plain(value) for key, value in network.hyperparameters.items()}
    options = {
        "network": type(network).__name__,
        "arguments": {key: value for key, value in arguments.items() if value is not _UNTOLD},
        "multiple": max(sizes.multiple_of, sizes.minimum, 1),
        "scale": found.scale,
    }
    state = {key: value.detach() for key, value in network.state_dict().items()}
    build(zoo.PREFIX + name, options).load_state_dict(state)  # what the daemon will do
    return Recognised(zoo.PREFIX + name, options, state)


_UNTOLD = object()


def _plain(value: object) -> object:
    """As JSON has it. A class (spandrel's own default for a layer) is left to its default."""
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    return value if value is None or isinstance(value, bool | int | float | str) else _UNTOLD


@torch.inference_mode()
def _is_plain(found: Any) -> bool:  # noqa: ANN401
    """Whether spandrel does nothing around the network: no noise map, no second output."""
    side = -(-_PROBE_SIDE // max(1, found.size_requirements.multiple_of))
    side = max(side * found.size_requirements.multiple_of, found.size_requirements.minimum)
    probe = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    try:
        result = found.model(probe.clone())
    except RuntimeError:  # of channels that spandrel adds
        return False
    return isinstance(result, Tensor) and torch.equal(result.clamp(0, 1), found(probe))
