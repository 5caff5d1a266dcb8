"""Curves of a training run in event files, which TensorBoard shows."""

from __future__ import annotations

from pathlib import Path

from dnid.errors import BadInput
from dnipack.train import Moment

EVERY = 20
"""Steps between two points of a curve."""


class EventLog:
    """`<anchor>/loss` and `<anchor>/psnr` over the steps; a resumed run goes on beside."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput when tensorboardX is not installed or the folder cannot be written."""
        try:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(folder))
        except ImportError as error:
            raise BadInput("--logs needs tensorboardX: pip install 'dnid[logs]'") from error
        except OSError as error:
            raise BadInput(f"Cannot write logs to {folder}: {error}") from error

    def show(self, moment: Moment) -> None:
        if moment.step % EVERY and moment.step != moment.steps:
            return
        self._writer.add_scalar(f"{moment.anchor}/loss", moment.loss, moment.step)
        if moment.psnr is not None:
            self._writer.add_scalar(f"{moment.anchor}/psnr", moment.psnr, moment.step)

    def close(self) -> None:
        self._writer.close()
