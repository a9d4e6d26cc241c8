"""What every table of the file has in common, and its kinds of figures."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

Looser = Literal["up", "down"]
"""The direction in which a value is laxer."""


class Section(BaseModel):
    """A table of the file: unknown keys are mistakes, nothing is converted silently, nothing changes later."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


def _as_decimal(value: object) -> object:
    """TOML writes `2` for 2.0."""
    return Decimal(value) if type(value) is int else value


Number = Annotated[Decimal, BeforeValidator(_as_decimal)]


RELOAD: dict[str, JsonValue] = {"reload": True}
"""Of a key, or of a section with all its keys. Every one is in `ultrad.rules.Rules`, which a reload swaps."""
RESTART: dict[str, JsonValue] = {"restart": True}
"""Of a key in such a section that needs a restart all the same."""


def whole(
    default: int | None, low: int, high: int, why: str, *, looser: Looser | None = None, reload: bool = False
) -> Any:  # noqa: ANN401 - as pydantic's Field
    """A whole number within low..high."""
    return Field(
        default=default,
        ge=low,
        le=high,
        description=why,
        json_schema_extra={"looser": looser, "reload": reload},
    )


def number(default: str | None, low: str, high: str, why: str, *, looser: Looser | None = None) -> Any:  # noqa: ANN401 - as pydantic's Field
    """A number within low..high, to the hundredth (a basis point where it is a percentage). None: required."""
    return Field(
        default=... if default is None else Decimal(default),
        ge=Decimal(low),
        le=Decimal(high),
        decimal_places=2,
        description=why,
        json_schema_extra={"looser": looser},
    )
