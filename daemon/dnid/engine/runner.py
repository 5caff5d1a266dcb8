"""One pack on one device, ready to run tiles at any strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from dnid.dni.blend import BlendedNetwork
from dnid.dni.cache import BlendCache
from dnid.dni.levels import run_levels
from dnid.dni.spatial import SpatialNetwork, is_mixable
from dnid.engine.budget import bytes_per_pixel
from dnid.engine.device import Choice, choose_format, probe_picture
from dnid.engine.receptive import full_halo
from dnid.errors import NotFinite
from dnid.packs.store import Pack


class PackRunner:
    """Blends and runs the networks of a pack; keeps one network a number format."""

    def __init__(self, pack: Pack, device: torch.device, cache: BlendCache | None = None) -> None:
        """Reads and verifies the pack, and measures it on the device if that is not known yet.

        The blends are kept in `cache`, which runners may share.
        """
        self.pack = pack
        self.device = device
        self.cache = BlendCache() if cache is None else cache
        self.control = pack.control()
        self.stack = pack.anchors(device)
        self.multiple = int(pack.network().multiple)  # type: ignore[arg-type]
        self.inputs = int(getattr(pack.network(), "inputs", 3))
        self._blended: dict[torch.dtype, BlendedNetwork] = {}
        self._spatial: dict[torch.dtype, SpatialNetwork] = {}
        middle = self.control.alpha(0.5)
        self.choice: Choice = choose_format(
            lambda dtype: self._plain(dtype).set(middle),
            device,
            self._name(),
            self._probe(_FORMAT_SIDE // pack.manifest.scale),
        )

    def halo(self, exact: bool) -> int:
        """Pixels that a tile reads around it: the pack's, or the whole receptive field."""
        full = self.full_halo if exact else None
        return self.pack.manifest.halo if full is None else full

    def is_approximate(self, exact: bool) -> bool:
        """Whether no halo makes tiles exact; a probe tells even where the manifest does not."""
        return self.pack.manifest.approximate or (exact and self.full_halo is None)

    @cached_property
    def full_halo(self) -> int | None:
        """Pixels; with this much context a tile is exact. None: no halo suffices."""
        return full_halo(self.pack.network(), self.multiple, self.pack.manifest.scale)

    @cached_property
    def bytes_per_pixel(self) -> float:
        """What a pixel of a tile takes while the network runs, about."""
        return bytes_per_pixel(self.pack.network(), self.choice.dtype.itemsize)

    @cached_property
    def mixes(self) -> bool:
        """Whether a strength for each pixel goes in one pass; else in levels."""
        if len(self.stack.names) == 1:
            return True
        if not is_mixable(self.pack.network()):
            return False
        probe = self._probe(_MIX_SIDE).to(self.device)
        halves = [0.5, 0.5] + [0.0] * (len(self.stack.names) - 2)
        with torch.inference_mode():
            plain = self._plain(torch.float32).set(halves)
            one_pass = SpatialNetwork(self.pack.network(), self.stack, torch.float32)
            return one_pass.equals_blend(plain, probe)

    def run(self, tile: Tensor, strength: float) -> Tensor:
        """1×inputs×h×w float32 on the CPU → 1×3×(s·h)×(s·w), s the pack's scale.

        `strength` is 0..1."""
        return self.run_blend(tile, self.control.alpha(strength))

    def run_blend(self, tile: Tensor, alpha: Sequence[float]) -> Tensor:
        """The same with a share for each anchor."""
        return self._finite(lambda dtype: self._plain(dtype).set(alpha)(tile.to(self.device)))

    def run_spatial(
        self, tile: Tensor, strengths: Tensor, between: tuple[float, float] = (0.0, 1.0)
    ) -> Tensor:
        """The same with a strength for each pixel, h×w, all of them within `between`."""
        if not self.mixes:
            return run_levels(lambda strength: self.run(tile, strength), strengths, between)
        active, shares = self.control.alpha_map(strengths)
        return self._finite(
            lambda dtype: self._mixed(dtype).run(tile.to(self.device), active, shares)
        )

    def _finite(self, attempt: Callable[[torch.dtype], Tensor]) -> Tensor:
        """The result in the chosen format, or in float32 where that overflows."""
        for dtype in dict.fromkeys((self.choice.dtype, torch.float32)):
            with torch.inference_mode():
                result = attempt(dtype).float().cpu()
            if bool(torch.isfinite(result).all()):
                return result
        raise NotFinite(
            f"Pack {self.pack.manifest.id!r} gave values that are not finite for this picture; "
            "please report it with the picture."
        )

    def _plain(self, dtype: torch.dtype) -> BlendedNetwork:
        if dtype not in self._blended:
            self._blended[dtype] = BlendedNetwork(
                self.pack.network(), self.stack, dtype, self.cache, self.pack.sha256
            )
        return self._blended[dtype]

    def _mixed(self, dtype: torch.dtype) -> SpatialNetwork:
        if dtype not in self._spatial:
            self._spatial[dtype] = SpatialNetwork(self.pack.network(), self.stack, dtype)
        return self._spatial[dtype]

    def _probe(self, side: int) -> Tensor:
        """1×inputs×side×side, or as few more as the network needs."""
        return probe_picture(-(-side // self.multiple) * self.multiple, self.inputs)

    def _name(self) -> str:
        """What decides the speed: the structure, not the weights."""
        manifest = self.pack.manifest
        return f"{manifest.architecture} {sorted(manifest.options.items())}"


_FORMAT_SIDE = 384
"""Pixels of the result by which the number format is chosen: the first picture waits for it."""
_MIX_SIDE = 32
"""Pixels of the picture that tells whether one pass can mix."""
