"""Architectures that are not the project's own: spandrel's, which the extra dnid[zoo] installs.

A pack names one as `spandrel:SwinIR`. Its options are what spandrel found out from the
weights when the pack was made, so nothing is guessed from a file that came from elsewhere:

- `network`: the class (spandrel has several for some architectures);
- `arguments`: that class's keyword arguments;
- `multiple`, `scale`: as every network here has them.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dnid.errors import PackDamaged
from dnid.networks.bounds import MAX_CHANNELS, check_each

PREFIX = "spandrel:"
MAX_MULTIPLE, MAX_SCALE = 1024, 8
MAX_BLOCKS, MAX_NESTING, MAX_ENTRIES = 1024, 3, 64
"""Far beyond any published network; a bound on what a pack's options can ask for."""
MAX_VALUES = 1 << 28
"""In a network whose file's size is not known: 1 GiB of float32."""
_SPARE_VALUES = 1 << 20
"""For what is made beside the weights: masks, positions, steps of a schedule."""


def build(architecture: str, options: Mapping[str, Any], weights: int | None) -> nn.Module:
    """A network N×3×H×W → N×3×(scale·H)×(scale·W), 0..1 nominal, in spandrel's own layout.

    `weights`: how many values the pack's file can hold; the network may not ask for more.
    Raises PackDamaged where the extra is missing, or for a name or options that do not fit.
    """
    kind = _find_class(architecture, options.get("network"))
    try:
        _check_options(options)
        # On `meta`, what is no weight (masks, means) would be lost. Old code warns a lot.
        bound = _Bound(MAX_VALUES if weights is None else weights + _SPARE_VALUES)
        with torch.device("cpu"), bound, warnings.catch_warnings(action="ignore"):
            network: nn.Module = kind(**options["arguments"])
    except Exception as error:  # forty foreign constructors raise all kinds
        raise PackDamaged(f"The options of {PREFIX}{architecture} do not fit: {error}") from error
    return prepare(network, options["multiple"], options["scale"])


class _Bound(TorchFunctionMode):
    """Stops a constructor at the tensor with which it has made too many values.

    That tensor is still empty memory, which the system has promised and not yet given.
    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.left = values

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if func in _MAKERS and isinstance(result, Tensor):
            self.left -= result.numel()
            if self.left < 0:
                raise ValueError("the network asks for more weights than the pack's file holds")
        return result


_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange}


def prepare(network: nn.Module, multiple: int, scale: int) -> nn.Module:
    """Give a spandrel network the attributes that every network here has."""
    network.multiple, network.scale = multiple, scale  # type: ignore[assignment]
    network.register_forward_pre_hook(_to_weights_dtype)
    return network


def _find_class(architecture: str, name: object) -> type[nn.Module]:
    if not (architecture.isascii() and architecture.isidentifier()):
        raise PackDamaged(f"{architecture[:80]!r} is not the name of an architecture of spandrel.")
    try:
        module = importlib.import_module(f"spandrel.architectures.{architecture}")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("spandrel.architectures."):
            raise PackDamaged(
                f"The installed spandrel does not know {architecture!r}; a newer one may."
            ) from error
        raise PackDamaged(
            f"This pack needs spandrel for its architecture {architecture}; install dnid[zoo]."
        ) from error
    except (ImportError, RuntimeError) as error:  # a torchvision that does not fit its torch
        raise PackDamaged(f"spandrel cannot be used here: {error}") from error
    for kind in vars(module).values():
        if inspect.isclass(kind) and issubclass(kind, nn.Module) and kind.__name__ == name:
            return kind
    raise PackDamaged(f"spandrel's {architecture} has no network {str(name)[:80]!r}.")


def _check_options(options: Mapping[str, Any]) -> None:
    if set(options) != {"network", "arguments", "multiple", "scale"}:
        raise ValueError("network, arguments, multiple and scale are needed, and nothing else")
    check_each("multiple", [options["multiple"]], 1, MAX_MULTIPLE)
    check_each("scale", [options["scale"]], 1, MAX_SCALE)
    if not isinstance(options["arguments"], dict):
        raise ValueError("arguments must be an object")
    _check_argument(options["arguments"], MAX_NESTING)


def _check_argument(value: object, depth: int) -> None:
    """Numbers that could make a network of any size are bounded, at any nesting."""
    if isinstance(value, list | dict):
        inner = list(value.values()) if isinstance(value, dict) else value
        whole = sum(number for number in inner if isinstance(number, int))
        if (
            depth == 0
            or len(inner) > MAX_ENTRIES
            or (isinstance(value, list) and whole > MAX_BLOCKS)
        ):
            raise ValueError("an argument is nested, long or large beyond bounds")
        for element in inner:
            _check_argument(element, depth - 1)
    elif isinstance(value, int | float):
        if not -MAX_CHANNELS <= value <= MAX_CHANNELS:
            raise ValueError(f"no number beyond {MAX_CHANNELS} is taken")
    elif value is not None and not isinstance(value, str):
        raise ValueError("only JSON values are taken")


def _to_weights_dtype(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """The project's networks run in the dtype of their weights; so do these."""
    weights = (getattr(module, "weight", None) for module in network.modules())
    first = next(weight for weight in weights if isinstance(weight, Tensor))
    return (inputs[0].to(first.dtype),)
