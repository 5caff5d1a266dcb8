"""What a pickle would call, read without calling it.

A `.pth` is a pickle: a small program that may import and call anything. Here its
instructions are only listed (pickletools), so that a file that asks for more than
tensors is refused by name before any unpickler sees it.
"""

from __future__ import annotations

import io
import pickletools
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from dnid.errors import BadInput

MAX_PICKLE_BYTES = 64 << 20
"""Of the program; the tensors' bytes lie beside it."""

_STORAGES = (
    "Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool",
)  # fmt: skip
HARMLESS = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch.Size",
        "torch.device",
        *(f"torch.{kind}Storage" for kind in _STORAGES),
    }
)
"""All that a checkpoint of tensors, numbers and text asks for."""

_STRINGS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING",
            "BINSTRING", "SHORT_BINSTRING")  # fmt: skip
_LEGACY_PARTS = 4
"""Pickles before the tensors in torch's older form: magic, version, system, object."""


def check_harmless(path: Path) -> None:
    """Raises BadInput, naming what the file would call, unless it holds nothing but tensors,
    numbers and text; and for what is no torch checkpoint at all."""
    if zipfile.is_zipfile(path):
        programs = [_zipped_pickle(path)]
    elif _is_tar(path):
        raise BadInput(f"{path} is in torch's oldest (tar) form; save it again with torch 1.6+.")
    else:
        programs = [path.read_bytes()]
    try:
        names = {name for program in programs for name in _names(program)}
    except ValueError as error:
        raise BadInput(f"{path} is no torch checkpoint: {error}") from error
    if unknown := sorted(names - HARMLESS):
        shown = ", ".join(name[:80] for name in unknown[:3])
        raise BadInput(
            f"{path} was not opened: it would call {shown}, which is no part of a network's "
            "weights. If you trust its source, save the bare weights as .safetensors there."
        )


def _zipped_pickle(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any("/code/" in f"/{e.filename}" for e in entries):
                raise BadInput(f"{path} is TorchScript, a program; save its state_dict instead.")
            if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
                raise BadInput(f"{path} is a compressed archive, which torch never writes.")
            pickles = [e for e in entries if e.filename.rsplit("/", 1)[-1] == "data.pkl"]
            others = [e for e in entries if e.filename.endswith(".pkl") and e not in pickles]
            if len(pickles) != 1 or others:
                raise BadInput(f"{path} is no torch checkpoint: it must hold one data.pkl.")
            if pickles[0].file_size > MAX_PICKLE_BYTES:
                raise BadInput(f"{path} is no torch checkpoint: its data.pkl is far too large.")
            return archive.read(pickles[0])
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise BadInput(f"{path} is a damaged archive: {error}") from error


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except OSError:
        return False


def _names(program: bytes) -> Iterator[str]:
    """`module.name` of everything that the first pickles of `program` would import."""
    stream = io.BytesIO(program)
    for _ in range(_LEGACY_PARTS):
        yield from _names_of_one(stream)
        if stream.tell() == len(program):
            return


def _names_of_one(stream: io.BytesIO) -> Iterator[str]:
    """STACK_GLOBAL takes two strings from the stack: here, the last ones that were put there.

    A program that shuffles its stack can show another name than it means; torch's own
    unpickler, which knows only the harmless ones too, still stands behind this.
    """
    strings: list[str] = []
    memo: dict[int, str | None] = {}
    top: str | None = None
    for operation, argument, _ in pickletools.genops(stream):
        match operation.name:
            case "GLOBAL" | "INST":
                yield str(argument).replace(" ", ".", 1)
                top = None
            case "STACK_GLOBAL":
                yield ".".join(strings[-2:]) if len(strings) >= 2 else "something it makes up"
                top = None
            case "EXT1" | "EXT2" | "EXT4":
                yield "a copyreg extension"
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else int(str(argument))] = top
            case "GET" | "BINGET" | "LONG_BINGET":
                top = memo.get(int(str(argument)))
                strings += [top] if top is not None else []
            case name:
                top = str(argument) if name in _STRINGS else None
                strings += [top] if top is not None else []
