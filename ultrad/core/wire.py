"""Records as JSON and back, by the fields of their dataclasses: what daemon and commands say to each other.

One encoding for all of them: a dataclass is an object of its fields, a tuple a list, an enum its text (an IntEnum
its lower-case name), a Message as everywhere (ultrad.core.messages). An integer that JSON readers with doubles
would round is a string of digits. A Mapping holds JSON already, and passes as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ultrad.core.events import Json
from ultrad.core.messages import message_from_json, message_json
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

EXACT_IN_DOUBLES = 2**53
"""Up to here readers that keep numbers as IEEE 754 doubles (jq, browsers) keep every integer (RFC 8259, 6)."""
_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,99}")
"""More than uint256 needs, and less than what makes `int()` slow."""

_T = TypeVar("_T")


class WireError(Permanent):
    """Data that is not what it should be. `path`: the place (`estop.causes[0].at.wall_ms`); `what`: the fault."""

    def __init__(self, path: str, what: Message) -> None:
        """Say where and what."""
        super().__init__(msg("{path}: {what}", path=path, what=what) if path else what)
        self.path = path
        self.what = what


def to_json(value: object) -> Json:
    """`value`, a dataclass or what its fields may hold, as JSON. Raises TypeError on anything else."""
    if isinstance(value, Enum):
        return _enum_text(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT_IN_DOUBLES else str(value)
    return _container(value)


def _container(value: object) -> Json:
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if isinstance(value, Message):
        return message_json(value)
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"{type(value)} has no JSON form")


def from_json(cls: type[_T], data: object) -> _T:
    """What `to_json` made of a `cls` (a dataclass or a tuple of some), checked field by field.

    A field with a default may be missing; an unknown one is refused. Raises WireError on data that does not fit,
    TypeError on a class that this encoding does not cover.
    """
    return cast("_T", _decode(cls, data, ""))


def _enum_text(value: Enum) -> str:
    return value.value if isinstance(value.value, str) else value.name.lower()


def _decode(hint: Any, data: object, path: str) -> object:  # noqa: ANN401 - hints have no common type
    if isinstance(hint, NewType):
        return _decode(hint.__supertype__, data, path)
    if leaf := _LEAVES.get(hint):
        return leaf(data, path)
    if branch := _BRANCHES.get(get_origin(hint)):
        return branch(get_args(hint), data, path)
    if is_dataclass(hint):
        return _record(cast("Callable[..., object]", hint), data, path)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint, data, path)
    raise TypeError(f"{path}: {hint} has no JSON form")


@cache
def _plan(cls: Callable[..., object]) -> tuple[tuple[Field[object], object], ...]:
    """Each field with its resolved type, worked out once for each class."""
    hints = get_type_hints(cls)
    return tuple((one, hints[one.name]) for one in fields(cast("Any", cls)))


def _record(cls: Callable[..., object], data: object, path: str) -> object:
    given = _json_object((), data, path)
    plan = _plan(cls)
    if unknown := given.keys() - {field.name for field, _ in plan}:
        raise WireError(_below(path, min(unknown)), msg("is not known here"))
    values: dict[str, object] = {}
    for field, hint in plan:
        if field.name in given:
            values[field.name] = _decode(hint, given[field.name], _below(path, field.name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise WireError(_below(path, field.name), msg("is missing"))
    return cls(**values)


def _optional(kinds: tuple[object, ...], data: object, path: str) -> object:
    """Of unions, only a type or None: with more, data would not say which is meant."""
    others = [one for one in kinds if one is not NoneType]
    if len(others) != 1:
        raise TypeError(f"{path}: {kinds} has no JSON form")
    return None if data is None else _decode(others[0], data, path)


def _items(kinds: tuple[object, ...], data: object, path: str) -> tuple[object, ...]:
    if not isinstance(data, list):
        raise WireError(path, msg("must be a list"))
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(data)
    if len(kinds) != len(data):
        raise WireError(path, msg("must have {count} items", count=len(kinds)))
    return tuple(
        _decode(kind, one, f"{path}[{place}]") for place, (kind, one) in enumerate(zip(kinds, data, strict=True))
    )


def _json_object(_kinds: tuple[object, ...], data: object, path: str) -> dict[str, Json]:
    if not isinstance(data, dict):
        raise WireError(path, msg("must be an object"))
    return data


def _integer(data: object, path: str) -> int:
    if isinstance(data, int) and not isinstance(data, bool):
        return data
    if isinstance(data, str) and _DIGITS.fullmatch(data):
        return int(data)
    raise WireError(path, msg("must be a whole number"))


def _text(data: object, path: str) -> str:
    if not isinstance(data, str):
        raise WireError(path, msg("must be text"))
    return data


def _truth(data: object, path: str) -> bool:
    if not isinstance(data, bool):
        raise WireError(path, msg("must be true or false"))
    return data


def _enum(cls: type[Enum], data: object, path: str) -> Enum:
    for member in cls:
        if _enum_text(member) == data:
            return member
    raise WireError(path, msg("must be one of {names}", names=", ".join(_enum_text(one) for one in cls)))


def _message(data: object, path: str) -> Message:
    try:
        return message_from_json(data)
    except ValueError as error:
        raise WireError(path, msg("is no message")) from error


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_LEAVES: dict[object, Callable[[object, str], object]] = {
    int: _integer,
    str: _text,
    bool: _truth,
    Message: _message,
}
_BRANCHES: dict[object, Callable[[tuple[object, ...], object, str], object]] = {
    Union: _optional,
    UnionType: _optional,
    tuple: _items,
    Mapping: _json_object,
}
