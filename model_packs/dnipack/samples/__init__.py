"""Four photos that come with the tool (SOURCES.md), for measurements that need no better ones."""

from __future__ import annotations

from pathlib import Path

from dnid.errors import BadInput
from dnipack.photos import Photo, find_photos, load_photo

FOLDER = Path(__file__).parent


def load_samples(data: Path | None = None) -> dict[str, Photo]:
    """Name → photo, from the folder `data` or else the four. Raises BadInput for no photos."""
    folder = data or FOLDER
    photos = {path.relative_to(folder).as_posix(): load_photo(path) for path in find_photos(folder)}
    if not photos:
        raise BadInput(f"No photos in {folder}.")
    return photos
