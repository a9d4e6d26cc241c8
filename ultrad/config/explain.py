"""From a validation error to a sentence for the operator: key, value, what is allowed, what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ultrad.config.mistakes import Loc, Mistake, key_text, shown, shown_key
from ultrad.config.schema import Settings
from ultrad.config.texts import PROBLEM, Allowed, Hidden
from ultrad.i18n import Message, msg

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands at one place of the schema: its bare type and all that is said of it."""

    bare: Any
    facets: tuple[object, ...] = ()

    def find(self, kind: type[F]) -> F | None:
        """The first facet of this kind."""
        return next((facet for facet in self.facets if isinstance(facet, kind)), None)

    def bounds(self) -> tuple[object, object] | None:
        """The least and the greatest number, where there are both (pydantic keeps `ge=` and `le=` as facets)."""
        low = next((facet.ge for facet in self.facets if hasattr(facet, "ge")), None)
        high = next((facet.le for facet in self.facets if hasattr(facet, "le")), None)
        return None if low is None or high is None else (low, high)


def shape_of(annotation: Any, facets: tuple[object, ...] = ()) -> Shape:  # noqa: ANN401 - a type expression
    """Look through `Annotated[…]` and `… | None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        nested = [facet for one in more for facet in (one.metadata if isinstance(one, FieldInfo) else (one,))]
        return shape_of(inner, (*facets, *nested))
    if origin in (Union, UnionType):
        inner = next(arg for arg in get_args(annotation) if arg is not type(None))
        return shape_of(inner, facets)
    return Shape(annotation, facets)


def field_shape(field: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return shape_of(field.annotation, tuple(field.metadata))


def model_of(shape: Shape) -> type[BaseModel] | None:
    """The section that stands there, if one does."""
    return shape.bare if isinstance(shape.bare, type) and issubclass(shape.bare, BaseModel) else None


def _inner(shape: Shape, part: int | str) -> Shape | None:
    """One step down: a section's field, a list's item, a table's value."""
    model = model_of(shape)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field_shape(field) if field else None
    arguments = get_args(shape.bare)
    if get_origin(shape.bare) is tuple:
        return shape_of(arguments[0])
    if get_origin(shape.bare) is Mapping:
        return shape_of(arguments[1])
    return None


def allowed(shape: Shape) -> Message:
    """What may stand there, in words."""
    told, bounds = shape.find(Allowed), shape.bounds()
    if told:
        return told.message
    if bounds:
        figures: dict[str, str | int | Message] = {"low": str(bounds[0]), "high": str(bounds[1])}
        if shape.bare is int:
            return msg("a whole number from {low} to {high}", **figures)
        return msg("a number from {low} to {high} with at most two digits after the point", **figures)
    if get_origin(shape.bare) is Literal:
        return msg("one of {choices}", choices=", ".join(f'"{choice}"' for choice in get_args(shape.bare)))
    if get_origin(shape.bare) is tuple:
        return msg("a list")
    return msg("true or false") if shape.bare is bool else msg("a section with its own keys")


def explain(error: ErrorDetails, raw: object) -> Mistake:
    """One validation error of `raw` (as parsed) as a mistake. Pydantic's own words are not used."""
    loc: Loc = error["loc"]
    kind, context = error["type"], error.get("ctx", {})
    if loc and loc[-1] == "[key]":  # the key of a free table
        return _bad_name(loc[:-1], raw, context)
    key = key_text(loc, raw)
    shape = _at(loc)
    if kind == "extra_forbidden" or shape is None:
        return Mistake((key,), _unknown(loc, raw))
    if kind == "missing":
        return Mistake((key,), msg("{key} is missing. Give it {allowed}.", key=key, allowed=allowed(shape)))
    value = msg("(hidden)") if shape.find(Hidden) else shown(error["input"])
    if kind == PROBLEM:
        message = msg(
            "{key} = {value} {problem}. Allowed: {allowed}.",
            key=key,
            value=value,
            problem=context["problem"],
            allowed=allowed(shape),
        )
    elif kind == "too_short":
        message = msg("{key} is empty: at least {count} needed.", key=key, count=context["min_length"])
    elif kind == "too_long":
        message = msg("{key} has too many entries: at most {count} allowed.", key=key, count=context["max_length"])
    else:
        message = msg(
            "{key} = {value} is not allowed. Allowed: {allowed}.", key=key, value=value, allowed=allowed(shape)
        )
    return Mistake((key,), message)


def _bad_name(loc: Loc, raw: object, context: Mapping[str, Any]) -> Mistake:
    """A key that a table of free keys does not take."""
    key = key_text(loc, raw)
    table = key_text(loc[:-1], raw)
    return Mistake(
        (key,),
        msg(
            "{key}: this name {problem} in [{table}]. Allowed: a reserve's symbol as on chain, 1 to 32"
            " characters.",
            key=key,
            problem=context.get("problem", msg("is not allowed")),
            table=table,
        ),
    )


def _at(loc: Loc) -> Shape | None:
    """The shape at a place; None where the schema has nothing there."""
    shape: Shape | None = Shape(Settings)
    for part in loc:
        shape = _inner(shape, part) if shape else None
    return shape


def _unknown(loc: Loc, raw: object) -> Message:
    """An unknown key, with the known one that was meant. Its value is not shown: nobody knows what it is."""
    key = key_text(loc, raw)
    section = _at(loc[:-1])
    model = model_of(section) if section else None
    name = str(loc[-1])
    near = get_close_matches(name, model.model_fields if model else (), n=1)
    if near:
        return msg("{key} is not known. Did you mean {near}?", key=key, near=near[0])
    elsewhere = [place for place in all_keys() if place.rpartition(".")[2] == name]
    if elsewhere:
        return msg("{key} is not known there. It belongs to {place}.", key=key, place=" / ".join(elsewhere))
    choices = ", ".join(model.model_fields) if model else ""
    return msg("{key} is not known. Remove it, or use one of: {choices}.", key=shown_key(key), choices=choices)


def all_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every key of the schema, dotted; a list of sections as `positions[].name`, a free table as itself."""
    for name, field in model.model_fields.items():
        shape = field_shape(field)
        inner, suffix = model_of(shape), ""
        if get_origin(shape.bare) is tuple:
            inner, suffix = model_of(shape_of(get_args(shape.bare)[0])), "[]"
        if inner:
            yield from all_keys(inner, f"{prefix}{name}{suffix}.")
        else:
            yield prefix + name
