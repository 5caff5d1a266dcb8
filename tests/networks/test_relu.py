"""ReLU by the bits of bfloat16 is torch's ReLU."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dnid.networks.relu import relu_
from dnid.networks.unet import UNet

EVERY_BFLOAT16 = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)


@torch.inference_mode()
def test_every_bfloat16_is_as_torch_has_it() -> None:
    """All 65536 patterns but the NaNs, infinities and both zeros included."""
    x = EVERY_BFLOAT16.view(torch.bfloat16)
    x = x[~x.isnan()]
    assert torch.equal(relu_(x.clone()), F.relu(x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_it_works_in_place_in_every_layout(dtype: torch.dtype) -> None:
    """Channels-last, and a part of a larger tensor that stays as it is around it."""
    whole = -torch.ones(2, 4, 6, 6, dtype=dtype).contiguous(memory_format=torch.channels_last)
    part = whole[:, :, 1:5, 2:4]
    assert relu_(part) is part
    assert float(whole.sum()) == -(2 * 4) * (6 * 6 - 4 * 2)


def test_gradients_flow() -> None:
    """Training in bfloat16 takes torch's own."""
    x = torch.tensor([-1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    relu_(x * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 3.0]


@torch.inference_mode()
def test_what_is_not_finite_still_shows() -> None:
    """A U-Net whose bfloat16 overflows inside gives no finite picture."""
    torch.manual_seed(0)
    network = UNet((4, 6), (1, 1)).eval()
    network.encoder[0][0].conv1.weight.mul_(1e38)
    network.encoder[0][0].conv2.weight.mul_(1e38)
    assert not bool(network.bfloat16()(torch.rand(1, 3, 16, 16)).isfinite().all())
