"""Checkpoints of spandrel's architectures: told without the extra, imported and run with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dnipack.checkpoints import save
from tests.dnipack.small_recipe import made_up_photo
from tests.small import photo

from dnid.engine.engine import Engine
from dnid.errors import BadInput
from dnid.packs.store import PackStore
from dnid.recipe import Recipe, Stage
from dnipack.importer import Description, import_pack, read_source

has_spandrel = importlib.util.find_spec("spandrel") is not None
needs_spandrel = pytest.mark.skipif(
    not has_spandrel, reason="spandrel is not installed; installer/test.sh has it"
)


@pytest.mark.skipif(has_spandrel, reason="spandrel is installed here")
def test_without_the_extra_the_remedy_is_told(tmp_path: Path) -> None:
    """Weights of none of the project's own networks."""
    path = save({"conv.weight": torch.ones(3, 3, 3, 3)}, tmp_path / "a.pth")
    with pytest.raises(BadInput, match=r"a\.pth: .*with the extra dnid\[zoo\]"):
        read_source(path)


def esrgan(seed: int) -> torch.nn.Module:
    """A small one, of the architecture that most upscalers of the web have."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(seed)
    return ESRGAN(num_filters=4, num_blocks=2, scale=2).eval()


@needs_spandrel
def test_a_network_of_spandrel_becomes_a_pack_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slider's far end is the second checkpoint as spandrel runs it; halfway is the blend."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path / "cache"))
    networks = [esrgan(seed) for seed in (0, 1)]
    paths = [
        save({"params": net.state_dict()}, tmp_path / f"{i}.pth") for i, net in enumerate(networks)
    ]
    sources = [read_source(path) for path in paths]
    assert sources[0].architecture == "spandrel:ESRGAN"
    manifest = import_pack(
        sources, Description("mine", "sr", "MIT"), [made_up_photo(0)], tmp_path / "packs" / "mine"
    )
    assert manifest.scale == 2
    engine = Engine(PackStore([tmp_path / "packs"]))
    picture = photo(20, 18, 3, "float32")  # padded, the border would differ
    x = torch.from_numpy(picture).permute(2, 0, 1)[None]
    for strength in (1.0, 0.5):
        stage = Stage("sr", strength, scale=2)
        found = engine.restore(picture, Recipe((stage,))).pixels
        blend = {
            key: torch.lerp(value, networks[1].state_dict()[key], strength)
            for key, value in networks[0].state_dict().items()
        }
        network = esrgan(2)
        network.load_state_dict(blend)
        with torch.inference_mode():
            wanted = network(x)[0].permute(1, 2, 0).numpy()
        assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


@needs_spandrel
@pytest.mark.filterwarnings("ignore")  # of spandrel's older code
@pytest.mark.parametrize("module", ["SwinIR", "SPAN", "OmniSR", "PLKSR"])
def test_what_is_no_weight_survives(module: str) -> None:
    """Masks, means and window indices are there after a rebuild from the manifest's options."""
    import json

    from dnid.networks import build
    from dnipack.recognise import recognise

    small = {
        "SwinIR": {"embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 4},
        "SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8},
        "OmniSR": {"num_feat": 8, "res_num": 1},
        "PLKSR": {"dim": 8, "n_blocks": 2},
    }[module]
    package = importlib.import_module(f"spandrel.architectures.{module}")
    torch.manual_seed(0)
    original = getattr(package, module)(**small).eval()
    found = recognise(original.state_dict())
    network = build(found.architecture, json.loads(json.dumps(found.options))).eval()
    network.load_state_dict(found.state)
    side = 2 * int(network.multiple)
    x = torch.rand(1, 3, side, side)
    with torch.inference_mode():
        assert torch.equal(network(x), original(x))


@needs_spandrel
def test_a_network_that_wants_more_than_a_picture_is_refused() -> None:
    """DRUNet reads the noise level from a fourth channel, which spandrel adds by itself."""
    from spandrel.architectures.DRUNet import DRUNet

    from dnipack.recognise import recognise

    torch.manual_seed(0)
    with pytest.raises(BadInput, match="DRUNet"):
        recognise(DRUNet(in_nc=4, out_nc=3, nc=[4, 4, 4, 4], nb=2).state_dict())
