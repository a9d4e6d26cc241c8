"""A configuration as flat text by its keys: to be recorded, and to be compared with another one.

No secret is in it: the file holds none, and what it says of secrets is where they are.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ultrad.config.explain import Shape, field_shape, model_of, shape_of
from ultrad.config.load import Config
from ultrad.config.schema import Settings
from ultrad.config.secret import PASSPHRASE, Secret
from ultrad.config.section import Looser
from ultrad.config.texts import Hidden
from ultrad.core.changes import Texts

_DIGEST_CHARACTERS = 16
TAG_CHARACTERS = 8
"""32 bits: enough to tell two apart, and too few to name one among all."""
_FALLS_BACK = {"limits.oracle_max_age": "limits.oracle_max_age_s"}
"""What counts for an entry of a free table that is not there."""


@dataclass(frozen=True, slots=True)
class Trait:
    """What the schema says of a key. reload: it may change while the daemon runs. table: its keys are free."""

    reload: bool
    looser: Looser | None
    table: bool


def texts(config: Config) -> dict[str, str]:
    """Each key that has a value, defaults included, as text. Numbers are written in one way only."""
    network = {
        "chain.stale_head_s": str(config.network.stale_head_s),
        "chain.max_lag_blocks": str(config.network.max_lag_blocks),
    }
    if (trade := config.trade) is not None:
        network["trade.confirmations"] = str(trade.confirmations)
        network["trade.dry_run"] = _scalar(trade.dry_run)
    return dict(sorted({**dict(_walk(config.settings, "")), **network}.items()))


def fingerprint(of: Texts) -> str:
    """Names a configuration: SHA-256 over its texts, in hex."""
    plain = json.dumps(dict(of), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def reloads(key: str) -> bool:
    """Whether this key may change while the daemon runs."""
    trait = _trait(key)
    return trait is not None and trait.reload


def is_looser(key: str, before: Texts, after: Texts) -> bool:
    """Whether this key's value is laxer in the second configuration, by the schema's own word."""
    trait = _trait(key)
    fallback = _FALLS_BACK.get(key.rpartition(".")[0], "")
    old, new = (one.get(key, one.get(fallback)) for one in (before, after))
    if trait is None or trait.looser is None or old is None or new is None:
        return False
    was, will = _figure(old), _figure(new)
    if was is None or will is None:
        return False
    return will > was if trait.looser == "up" else will < was


def secret_tags(config: Config) -> dict[str, str]:
    """A short tag of each secret, by its key: another secret has another one, and nothing can be read from it.

    A passphrase may be short enough to be found by its tag, and has none: the account tells its key apart.
    """
    return {key: tag_of(one) for key, one in sorted(config.secrets.items()) if key != PASSPHRASE}


def tag_of(secret: Secret) -> str:
    """The tag of one secret."""
    return secret.fingerprint()[:TAG_CHARACTERS]


def moved_secrets(one: Config, other: Config) -> tuple[str, ...]:
    """The keys whose secrets have another value, be the references the same or not."""
    both = one.secrets.keys() & other.secrets.keys()
    return tuple(sorted(key for key in both if one.secrets[key] != other.secrets[key]))


# ------------------------------------------------------------ values


def _walk(section: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in type(section).model_fields.items():
        yield from _told(f"{prefix}{name}", getattr(section, name), field_shape(field))


def _told(key: str, value: object, shape: Shape) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case BaseModel():
            yield from _walk(value, f"{key}.")
        case Mapping():
            for name, inner in value.items():
                yield from _told(f"{key}.{name}", inner, shape_of(get_args(shape.bare)[1]))
        case tuple() if any(isinstance(one, BaseModel) for one in value):
            names = [str(getattr(one, "name", f"#{number}")) for number, one in enumerate(value, 1)]
            yield key, ", ".join(names)  # their order may matter
            for name, one in zip(names, value, strict=True):
                inner = _told(f"{key}[{name}]", one, shape)
                yield from (told for told in inner if told[0] != f"{key}[{name}].name")
        case tuple():
            yield key, _list(value, shape)
        case _:
            yield key, _scalar(value)


def _list(values: tuple[object, ...], shape: Shape) -> str:
    plain = ", ".join(map(_scalar, values))
    if values and shape_of(get_args(shape.bare)[0]).find(Hidden) is not None:
        return f"{len(values)} (sha256 {hashlib.sha256(plain.encode()).hexdigest()[:_DIGEST_CHARACTERS]})"
    return plain


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _figure(text: str) -> Decimal | None:
    """None for what another version may have recorded there."""
    try:
        return Decimal({"true": "1", "false": "0"}.get(text, text))
    except ArithmeticError:
        return None


# ------------------------------------------------------------ the schema's word


def _trait(key: str) -> Trait | None:
    plain = re.sub(r"\[[^\]]*\]", "[]", key)
    known = _traits()
    if plain in known:
        return known[plain]
    table = next((name for name, one in known.items() if one.table and plain.startswith(f"{name}.")), "")
    return known.get(table)


@cache
def _traits() -> Mapping[str, Trait]:
    return dict(_traits_of(Settings, "", reload=False))


def _traits_of(model: type[BaseModel], prefix: str, *, reload: bool) -> Iterator[tuple[str, Trait]]:
    """Every key of the schema with its traits; a section that may change may change in all its keys."""
    for name, field in model.model_fields.items():
        shape, key = field_shape(field), f"{prefix}{name}"
        own = (reload or _extra(field, "reload") is True) and _extra(field, "restart") is not True
        inner = model_of(shape)
        if get_origin(shape.bare) is tuple and (listed := model_of(shape_of(get_args(shape.bare)[0]))):
            inner, key = listed, f"{key}[]"
        if inner:
            yield from _traits_of(inner, f"{key}.", reload=own)
        else:
            yield key, Trait(own, _side(field), get_origin(shape.bare) is Mapping)


def _side(field: FieldInfo) -> Literal["up", "down"] | None:
    match _extra(field, "looser"):
        case "up":
            return "up"
        case "down":
            return "down"
        case _:
            return None


def _extra(field: FieldInfo, name: str) -> object:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None
