"""What a small classifier sees: a distance between pictures that is nearer to the eye's.

The classifier is given as a file: safetensors with Keras' names (`conv2d_1.kernel`,
`batch_normalization_1.gamma` …) and beside it `<name>.layers.json` with its layers in
order. The project ships none; darknettiny of ml5 (MIT) is one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dnid.errors import BadInput

Tensors = dict[str, Tensor]


class Features(nn.Module):
    """N×3×H×W in 0..1 → the activations before each pooling and at the end, finest first."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        seen = []
        for layer in self.layers:
            if isinstance(layer, nn.MaxPool2d):
                seen.append(pictures)
            pictures = layer(pictures)
        return [*seen, pictures]

    def distance(self, pictures: Tensor, truth: Tensor) -> Tensor:
        """A scalar, see the function below."""
        return distance(self(pictures), self(truth))


def distance(seen: Sequence[Tensor], true: Sequence[Tensor]) -> Tensor:
    """Of what Features gives for two pictures: mean |difference| at each depth as a share of
    the true one's mean |activation|, the mean over the depths."""
    shares = [
        (mine - its).abs().mean() / its.abs().mean().clamp(min=1e-6)
        for mine, its in zip(seen, true, strict=True)
    ]
    return torch.stack(shares).mean()


def load_features(path: Path) -> Features:
    """Raises BadInput when a file is missing or does not fit."""
    description = path.with_suffix(".layers.json")
    try:
        tensors = load_file(path)
        table: list[dict[str, Any]] = json.loads(description.read_text("utf-8"))
        return Features(_layers(table, tensors))
    except (OSError, ValueError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise BadInput(f"{path} and {description.name} are no feature network: {error}") from error


def _layers(table: list[dict[str, Any]], tensors: Tensors) -> list[nn.Module]:
    """All up to the classifier itself, which is the convolution with a bias."""
    layers: list[nn.Module] = []
    for entry in table:
        match entry["type"]:
            case "InputLayer":
                continue
            case "Conv2D" if not entry["use_bias"]:
                layers.append(_convolution(tensors[f"{entry['name']}.kernel"]))
            case "BatchNormalization":
                layers.append(_normalisation(tensors, entry["name"], entry["epsilon"]))
            case "LeakyReLU":
                layers.append(nn.LeakyReLU(entry["alpha"]))
            case "MaxPooling2D":
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            case _:
                break
    if not layers:
        raise ValueError("no layers that are known")
    return layers


def _convolution(kernel: Tensor) -> nn.Conv2d:
    """From Keras' height×width×in×out."""
    height, width, inputs, outputs = kernel.shape
    layer = nn.Conv2d(inputs, outputs, (height, width), padding="same", bias=False)
    layer.load_state_dict({"weight": kernel.permute(3, 2, 0, 1).contiguous()})
    return layer


def _normalisation(tensors: Tensors, name: str, epsilon: float) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(len(tensors[f"{name}.gamma"]), eps=epsilon)
    layer.load_state_dict({
        "weight": tensors[f"{name}.gamma"],
        "bias": tensors[f"{name}.beta"],
        "running_mean": tensors[f"{name}.moving_mean"],
        "running_var": tensors[f"{name}.moving_variance"],
        "num_batches_tracked": torch.tensor(0),
    })  # fmt: skip
    return layer
