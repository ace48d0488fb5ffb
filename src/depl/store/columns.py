"""Columns of the store's tables, as any database takes them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, MetaData, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Words(TypeDecorator[str]):
    """Text that any database takes: without the character 0, and without halves of characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On its way in."""
        return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


class Facts(TypeDecorator[Any]):
    """Data as JSON in ASCII, as the records have it, which any database takes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """On its way in."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """On its way out."""
        return None if value is None else json.loads(value)


def words(name: str, **how: Any) -> Column[str]:
    """Of text, empty unless told otherwise."""
    return Column(name, Words, nullable=False, default="", **how)


def number(name: str, **how: Any) -> Column[int]:
    """Of whole numbers, 0 unless told otherwise."""
    return Column(name, BigInteger, nullable=False, default=0, **how)
