"""One pack on one device, ready to run tiles at any strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from dnid.dni.blend import BlendedNetwork
from dnid.dni.spatial import SpatialNetwork
from dnid.engine.device import Choice, choose_format
from dnid.engine.receptive import full_halo
from dnid.errors import NotFinite, PackDamaged
from dnid.packs.store import Pack


class PackRunner:
    """Blends and runs the networks of a pack; keeps one network a number format."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        """Reads and verifies the pack, and measures it on the device if that is not known yet."""
        self.pack = pack
        self.device = device
        self.control = pack.control()
        self.stack = pack.anchors(device)
        self.halo = pack.manifest.halo
        self.multiple = int(pack.network().multiple)  # type: ignore[arg-type]
        self._blended: dict[torch.dtype, BlendedNetwork] = {}
        self._spatial: dict[torch.dtype, SpatialNetwork] = {}
        middle = self.control.alpha(0.5)
        self.choice: Choice = choose_format(
            lambda dtype: self._plain(dtype).set(middle), device, self._name()
        )

    @cached_property
    def full_halo(self) -> int:
        """Pixels; with this much context a tile is exact."""
        halo = full_halo(self.pack.network(), self.multiple, self.pack.manifest.scale)
        if halo is None:
            raise PackDamaged(f"Pack {self.pack.manifest.id!r} sees the whole picture at once.")
        return halo

    def run(self, tile: Tensor, strength: float) -> Tensor:
        """1×3×h×w float32 on the CPU → 1×3×(s·h)×(s·w), s the pack's scale, at a strength 0..1."""
        return self.run_blend(tile, self.control.alpha(strength))

    def run_blend(self, tile: Tensor, alpha: Sequence[float]) -> Tensor:
        """The same with a share for each anchor."""
        return self._finite(lambda dtype: self._plain(dtype).set(alpha)(tile.to(self.device)))

    def run_spatial(self, tile: Tensor, strengths: Tensor) -> Tensor:
        """The same with a strength for each pixel, h×w."""
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
            self._blended[dtype] = BlendedNetwork(self.pack.network(), self.stack, dtype)
        return self._blended[dtype]

    def _mixed(self, dtype: torch.dtype) -> SpatialNetwork:
        if dtype not in self._spatial:
            self._spatial[dtype] = SpatialNetwork(self.pack.network(), self.stack, dtype)
        return self._spatial[dtype]

    def _name(self) -> str:
        """What decides the speed: the structure, not the weights."""
        manifest = self.pack.manifest
        return f"{manifest.architecture} {sorted(manifest.options.items())}"
