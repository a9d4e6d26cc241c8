"""What differs between two configurations, each as flat text by its keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Texts = Mapping[str, str]
"""A configuration's values by their dotted keys; a key that is not set is not there."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs. old, new: its values, None where it is not set. looser: than before."""

    key: str
    old: str | None
    new: str | None
    looser: bool = False


def changes(before: Texts, after: Texts, is_looser: Callable[[str, Texts, Texts], bool]) -> tuple[Change, ...]:
    """Every key that differs, in order. is_looser: whether a key's value is laxer in the second one."""
    return tuple(
        Change(key, before.get(key), after.get(key), is_looser(key, before, after))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )
