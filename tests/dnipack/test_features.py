"""Features are those that Keras would compute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.dnipack.small_features import keras_tensors, write_features
from torch.nn import functional as F

from dnid.errors import BadInput
from dnipack.features import load_features


def picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 10, 12, generator=torch.Generator().manual_seed(seed))


def test_features_follow_the_layers(tmp_path: Path) -> None:
    """Before the pooling and at the end; the classifier itself is left out."""
    fine, coarse = load_features(write_features(tmp_path))(picture(0))
    t = keras_tensors()
    y = F.conv2d(picture(0), t["conv2d_1.kernel"].permute(3, 2, 0, 1), padding=1)
    mean, variance, gamma, beta = (
        t[f"batch_normalization_1.{name}"].reshape(1, 4, 1, 1)
        for name in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    y = F.leaky_relu((y - mean) / (variance + 0.001).sqrt() * gamma + beta, 0.1)
    torch.testing.assert_close(fine, y)
    z = F.conv2d(F.max_pool2d(y, 2), t["conv2d_2.kernel"].permute(3, 2, 0, 1))
    torch.testing.assert_close(coarse, z)


def test_the_distance_is_a_share_of_the_truths_activations(tmp_path: Path) -> None:
    """0 for the picture itself, positive and with a gradient for another."""
    features = load_features(write_features(tmp_path))
    assert features.distance(picture(0), picture(0)).item() == 0
    other = picture(1).requires_grad_()
    distance = features.distance(other, picture(0))
    mine, its = features(picture(1)), features(picture(0))
    shares = [float((a - b).abs().mean() / b.abs().mean()) for a, b in zip(mine, its, strict=True)]
    assert distance.item() == pytest.approx(sum(shares) / 2, rel=1e-4)
    distance.backward()
    assert other.grad is not None
    assert other.grad.abs().sum() > 0


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """A missing file, a missing tensor, a description that is no list of layers."""
    with pytest.raises(BadInput, match="are no feature network"):
        load_features(tmp_path / "none.safetensors")
    path = write_features(tmp_path)
    description = path.with_suffix(".layers.json")
    layers = json.loads(description.read_text())
    for broken in ([*layers[:-2], {"type": "Conv2D", "name": "x", "use_bias": False}], 5, [], [{}]):
        description.write_text(json.dumps(broken))
        with pytest.raises(BadInput, match="are no feature network"):
            load_features(path)
