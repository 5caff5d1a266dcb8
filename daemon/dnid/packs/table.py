"""JSON of strangers, read strictly: every key known, once, and of its type."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from dnid.errors import PackDamaged

T = TypeVar("T")

_JSON_NAMES: dict[type, str] = {
    int: "integer", str: "string", dict: "object", list: "array", bool: "boolean",
}  # fmt: skip


def load_json(data: bytes, where: str) -> object:
    """Raises PackDamaged for what is no JSON, or has a key twice or text that cannot be told."""
    try:
        table: object = json.loads(data, object_pairs_hook=_unique)
        json.dumps(table, ensure_ascii=False).encode()  # no lone surrogates: they cannot be told
    except (ValueError, RecursionError) as error:
        raise PackDamaged(f"{where} is not JSON: {error}") from error
    return table


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers of JSON differ in which of two equal keys counts, so there may be one."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("an object has a key twice")
    return table


class Table:
    """A JSON object of which every key must be asked for once."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, dict):
            raise PackDamaged(f"{where} must be a JSON object.")
        self.rest: dict[str, Any] = dict(table)
        self.where = where

    def take(self, key: str, kind: type[T]) -> T:
        if key not in self.rest:
            raise PackDamaged(f"{self.where} has no {key!r}.")
        value = self.rest.pop(key)
        if type(value) is not kind:
            raise PackDamaged(f"{self.where}: {key!r} must be a JSON {_JSON_NAMES[kind]}.")
        if isinstance(value, str) and not value.isprintable():  # it goes to a terminal
            raise PackDamaged(f"{self.where}: {key!r} must hold one line of printable text.")
        return value

    def take_optional(self, key: str, kind: type[T]) -> T | None:
        """The same for a value that may be null."""
        if key in self.rest and self.rest[key] is None:
            return self.rest.pop(key)  # type: ignore[no-any-return]
        return self.take(key, kind)

    def take_or(self, key: str, default: T) -> T:
        """The same for a key that may be left out."""
        return self.take(key, type(default)) if key in self.rest else default

    def finish(self) -> None:
        if self.rest:
            unknown = ", ".join(repr(key[:80]) for key in sorted(self.rest)[:5])
            raise PackDamaged(f"{self.where} has unknown keys: {unknown}.")
