"""A stand-in for `dnid bridge` whose networks are one line: strength 1 is the negative.

    python fake_bridge.py BEHAVIOUR [LOG]

BEHAVIOUR is one of `_BEHAVIOURS`. The headers that arrive are written to LOG, one a line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"u8": np.uint8, "u16": np.uint16, "f32": np.float32}
HIGHEST = {"u8": 255, "u16": 65535, "f32": 1.0}

ANCHORS = [{"name": "near", "about": "the picture"}, {"name": "far", "about": "its negative"}]
PACKS = [
    {
        "id": name,
        "name": name,
        "effect": effect,
        "scale": scale,
        "halo": 8,
        "anchors": ANCHORS,
        "auto": effect == "denoise",
        "subject": effect == "dof",
    }
    for name, effect, scale in (
        ("dejpeg", "dejpeg", 1),
        ("denoise", "denoise", 1),
        ("dof", "dof", 1),
        ("sr-x2", "sr", 2),
    )
]


def main() -> None:
    """Behave as the command line says, until the input ends."""
    behaviour = sys.argv[1]
    if behaviour == "dead":
        sys.exit("No module named dnid")
    if behaviour == "starting":
        tell({"kind": "bridge", "id": "", "state": "starting"})
    if behaviour in ("recovers", "gives-up"):
        sentence = "The daemon did not start: its log says why."
        tell({"kind": "error", "id": "", "code": "daemon-unavailable", "message": sentence})
    if behaviour == "gives-up":
        sys.exit(2)
    version = 2 if behaviour == "other-version" else 1
    tell({"kind": "bridge", "id": "", "state": "connected", "v": version})
    while (message := receive()) is not None:
        note(message[0])
        answer(behaviour, *message)
    note({"kind": "end of input"})


def answer(behaviour: str, header: dict[str, Any], frames: list[bytes]) -> None:
    """Answer what is not work as every daemon does, and work as the behaviour says."""
    if header["kind"] == "packs":
        tell({"kind": "packs", "id": header["id"], "packs": PACKS})
    elif header["kind"] == "auto":
        strengths = {stage["effect"]: 0.3 for stage in header["recipe"]["stages"]}
        tell({"kind": "auto", "id": header["id"], "strengths": strengths, "seconds": 0.0})
    elif header["kind"] == "subject" and behaviour == "sees-no-subject":
        tell_no_subject(header)
    elif header["kind"] == "subject":
        tell_subject(header)
    elif header["kind"] == "cancel" and behaviour not in ("stalls", "tires", "once"):
        tell({"kind": "cancel", "id": header["id"]})
    else:
        _BEHAVIOURS[behaviour](header, frames)


def tell_subject(header: dict[str, Any]) -> None:
    """Answer that the left half is the subject."""
    image = header["image"] | {"channels": 1, "dtype": "u8"}
    found = np.zeros((image["height"], image["width"]), np.uint8)
    found[:, : image["width"] // 2] = 255
    tell({"kind": "subject", "id": header["id"], "image": image, "packs": []}, found.tobytes())


def tell_no_subject(header: dict[str, Any]) -> None:
    """Answer that nothing stands out."""
    sentence = "No clear subject was found in the picture; paint a mask."
    tell({"kind": "error", "id": header["id"], "code": "no-subject", "message": sentence})


def sees_no_subject(header: dict[str, Any], frames: list[bytes]) -> None:
    """Restore, but for a blur without a mask."""
    blurs = [s for s in header["recipe"]["stages"] if s["effect"] == "dof" and s["strength"]]
    if blurs and header["mask"] is None:
        tell_no_subject(header)
    else:
        restores(header, frames)


def restores(header: dict[str, Any], frames: list[bytes]) -> None:
    """Do as a daemon does."""
    job = header["id"]
    tell({"kind": "progress", "id": job, "state": "loading"})
    for done in (0, 1, 2):
        tell({"kind": "progress", "id": job, "state": "running", "done": done, "total": 2})
    result = read(header["image"], frames[0])
    mask = read(header["mask"], frames[1]) if header["mask"] else None
    for stage in header["recipe"]["stages"]:
        result = run(stage, result, mask)
    highest = HIGHEST[header["image"]["dtype"]]
    if highest > 1:
        result = np.rint(result.clip(0, 1) * highest)
    pixels = result.astype(DTYPES[header["image"]["dtype"]]).tobytes()
    shape = {"height": result.shape[0], "width": result.shape[1]}
    told = {"image": {**header["image"], **shape}, "seconds": 0.25, "device": "cpu"}
    used = [{"id": "fake", "sha256": "0" * 64}]
    tell({"kind": "result", "id": job, **told, "packs": used}, pixels)


def run(stage: dict[str, Any], image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the image moved towards its negative, and enlarged; shares are the strength's."""
    strength = np.float64(stage["shares"][-1] if stage.get("shares") else stage["strength"])
    if mask is not None:
        strength = stage["outside"] + (strength - stage["outside"]) * mask
    result = image.copy()
    colours = image.shape[2] - (image.shape[2] + 1) % 2  # alpha stays
    result[..., :colours] += (1 - 2 * image[..., :colours]) * strength
    scale = stage.get("scale", 1)
    return result.repeat(scale, 0).repeat(scale, 1)


def read(layout: dict[str, Any], data: bytes) -> np.ndarray:
    """Return pixels from the wire as float64 H×W×C in 0..1."""
    shape = layout["height"], layout["width"], layout["channels"]
    pixels = np.frombuffer(data, DTYPES[layout["dtype"]]).reshape(shape)
    return pixels.astype(np.float64) / HIGHEST[layout["dtype"]]


def refuses(header: dict[str, Any], frames: list[bytes]) -> None:
    """Answer with one of the daemon's own sentences."""
    sentence = "There is no pack for denoise: please install one with dnid packs."
    tell({"kind": "error", "id": header["id"], "code": "pack-not-found", "message": sentence})


def dies(header: dict[str, Any], frames: list[bytes]) -> None:
    """End in the middle of the work."""
    tell({"kind": "progress", "id": header["id"], "state": "running", "done": 1, "total": 4})
    sys.exit("Killed by a test")


def loses_daemon(header: dict[str, Any], frames: list[bytes]) -> None:
    """Tell that the daemon has died."""
    sentence = "The daemon ended during the work. Please try again."
    tell({"kind": "error", "id": header["id"], "code": "daemon-died", "message": sentence})


def stalls(header: dict[str, Any], frames: list[bytes]) -> None:
    """Begin, and never end."""
    if header["kind"] == "cancel":
        sentence = "The job was cancelled."
        tell({"kind": "cancel", "id": header["id"]})
        tell({"kind": "error", "id": header["job"], "code": "cancelled", "message": sentence})
    else:
        tell({"kind": "progress", "id": header["id"], "state": "running", "done": 1, "total": 4})


def tires(header: dict[str, Any], frames: list[bytes]) -> None:
    """Restore at the middle and at the end of the slider, and never end elsewhere."""
    stages = header.get("recipe", {}).get("stages", [])
    known = stages and all(stage["strength"] in (0.5, 1.0) for stage in stages)
    (restores if known else stalls)(header, frames)


def once(header: dict[str, Any], frames: list[bytes]) -> None:
    """Restore the first time, and never end after that."""
    first = header["kind"] == "restore" and not _SERVED
    _SERVED.append(header["id"])
    (restores if first else stalls)(header, frames)


def grows(header: dict[str, Any], frames: list[bytes]) -> None:
    """Return a picture of another size."""
    image = {"height": 1, "width": 2, "channels": 1, "dtype": "u8"}
    tell({"kind": "result", "id": header["id"], "image": image, "packs": []}, b"\0\0")


def lies(header: dict[str, Any], frames: list[bytes]) -> None:
    """Return fewer pixels than the header says."""
    tell({"kind": "result", "id": header["id"], "image": header["image"], "packs": []}, b"\0")


def babbles(header: dict[str, Any], frames: list[bytes]) -> None:
    """Write something that is no message."""
    sys.stdout.buffer.write(b"Hello, world")
    sys.stdout.flush()


_SERVED: list[str] = []
_BEHAVIOURS = {
    "restores": restores,
    "starting": restores,
    "recovers": restores,
    "refuses": refuses,
    "sees-no-subject": sees_no_subject,
    "dies": dies,
    "loses-daemon": loses_daemon,
    "stalls": stalls,
    "tires": tires,
    "once": once,
    "grows": grows,
    "lies": lies,
    "babbles": babbles,
    "other-version": refuses,
}


def tell(header: dict[str, Any], *frames: bytes) -> None:
    """Write one message."""
    text = json.dumps({"v": 1, **header, "frames": [len(frame) for frame in frames]}).encode()
    sys.stdout.buffer.write(len(text).to_bytes(4, "little") + text + b"".join(frames))
    sys.stdout.buffer.flush()


def receive() -> tuple[dict[str, Any], list[bytes]] | None:
    """Read one message; None at the end of the input."""
    size = sys.stdin.buffer.read(4)
    if not size:
        return None
    header = json.loads(sys.stdin.buffer.read(int.from_bytes(size, "little")))
    return header, [sys.stdin.buffer.read(length) for length in header["frames"]]


def note(header: dict[str, Any]) -> None:
    """Write a header to the log."""
    if len(sys.argv) > 2:
        with Path(sys.argv[2]).open("a", encoding="utf-8") as log:
            log.write(json.dumps(header) + "\n")


if __name__ == "__main__":
    main()
