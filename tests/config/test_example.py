"""The commented example: every key of the schema, with its default and its range."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.config.conftest import ACCOUNT, KEY, House
from ultrad.config import check
from ultrad.config.backup import TargetSection
from ultrad.config.explain import all_keys, field_shape, model_of
from ultrad.config.file import _frozen
from ultrad.config.schema import EndpointSection, PositionSection, Settings
from ultrad.config.telling import ChannelSection, RouteSection
from ultrad.jobs import JOBS

EXAMPLE = Path(__file__).parents[2] / "etc" / "ultrad.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
ALL = re.sub(r"(?m)^#(?=[a-z\[A-Z])", "", TEXT)
"""The example with nothing commented out."""
FREE_TABLES = {"limits.oracle_max_age", "oracle.feeds"}
TELLING = TEXT[TEXT.index("# Who is told") : TEXT.index("[log]")]
OF_THE_JOB = {"timeout_s", "cron", "missed"}


def _parsed() -> dict[str, Any]:
    return tomllib.loads(ALL, parse_float=Decimal)


def _at(key: str) -> Any:
    here: Any = _parsed()
    for part in key.split("."):
        here = here[part.removesuffix("[]")]
        if part.endswith("[]"):  # each item has the keys that its kind needs
            here = next(item for item in here if key.rpartition(".")[2] in item)
    return here


def _model(key: str) -> tuple[type[BaseModel], str]:
    *sections, name = key.split(".")
    model: type[BaseModel] = Settings
    for section in sections:
        known: dict[str, type[BaseModel]] = {
            "endpoints[]": EndpointSection,
            "positions[]": PositionSection,
            "channels[]": ChannelSection,
            "routes[]": RouteSection,
            "targets[]": TargetSection,
        }
        model = known.get(section) or model_of(field_shape(model.model_fields[section])) or model
    return model, name


def _comment(key: str) -> str:
    """The comment lines right above a key."""
    name, lines = key.rpartition(".")[2], TEXT.splitlines()
    section = re.sub(r"\[\]$", "", key.rpartition(".")[0])
    here, found = "", ""
    for number, line in enumerate(lines):
        header = re.fullmatch(r"#?\[+([a-z_.]+)\]+", line)
        here = header[1] if header else here
        if here == section.replace("[]", "") and re.match(rf"#?{name} = ", line):
            above = number - 1
            while lines[above].startswith("# ") or re.match(r"#[a-z_]+ = ", lines[above]):
                found = lines[above] + found
                if not lines[above].startswith("# "):
                    break
                above -= 1
            return found
    raise AssertionError(key)


def test_example__with_its_account_filled_in__loads(house: House) -> None:
    house.text = TEXT.replace("0x" + "0" * 40, ACCOUNT)
    for name in ("a", "b"):
        house.secret(f"rpc-{name}-http", f"https://{name}.example/")
    house.environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    assert house.load().settings.environment == "staging"


def test_example__as_it_is_shipped__asks_for_the_account(house: House) -> None:
    house.text = TEXT
    for name in ("a", "b"):
        house.secret(f"rpc-{name}-http", f"https://{name}.example/")
    house.environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    assert "positions[main].account" in house.only_mistake()


def test_example__nothing_commented_out__every_value_is_allowed() -> None:
    Settings.model_validate(_frozen(tomllib.loads(ALL.replace("0x" + "0" * 40, ACCOUNT), parse_float=Decimal)))


@pytest.mark.parametrize("key", sorted(set(all_keys())))
def test_example__each_key__stands_there_with_its_default_and_range(key: str) -> None:
    value = _at(key)
    model, name = _model(key)
    field = model.model_fields[name]
    if key in FREE_TABLES:
        assert value
        return
    comment = _comment(key)
    if not field.is_required() and field.default is not None and not key.startswith("notify.routes[]"):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert value == default
    bounds = field_shape(field).bounds()
    for bound in bounds or ():
        assert re.search(rf"(?<![\d.]){re.escape(str(bound))}(?![\d.]*\d)", comment), (bound, comment)
    if name not in OF_THE_JOB and not key.startswith("guards."):  # those are told above their section
        assert re.search(r"[a-z]{2}", comment), "a comment in English"


def test_example__jobs__as_the_registry_has_them() -> None:
    jobs = _parsed()["jobs"]
    assert set(jobs) == {job.name for job in JOBS}
    for job in JOBS:
        assert jobs[job.name] == {
            "enabled": True,
            "cron": job.cron,
            "timeout_s": job.timeout_s,
            "missed": job.missed.value,
        }


def test_example__nothing_in_it__that_the_schema_does_not_know() -> None:
    known = set(all_keys())

    def walk(table: dict[str, Any], prefix: str) -> None:
        for key, value in table.items():
            place = prefix + key
            if place in FREE_TABLES:
                continue
            if isinstance(value, dict):
                walk(value, place + ".")
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                for item in value:
                    walk(item, place + "[].")
            else:
                assert place in known

    walk(_parsed(), "")


def test_example__its_channels_and_routes__load_together_and_leave_nobody_untold(house: House) -> None:
    house.text = house.text[: house.text.index("[deadman]")] + re.sub(r"(?m)^#(?=[a-z\[])", "", TELLING)
    for name in ("slack-token", "line-token", "pager-key"):
        house.secret(name, KEY)
    for name in ("slack-dev-url", "pager-url", "deadman-url"):
        house.secret(name, f"https://{name}.example/{KEY}")
    for name in ("a", "b"):
        house.replace(str(house.directory / name), name)
    house.environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    told = [str(line.message) for line in check(house.load(), {})]
    assert not [line for line in told if "notify" in line or "deadman" in line]


def test_schema__every_key__says_why() -> None:
    for key in all_keys():
        model, name = _model(key)
        assert model.model_fields[name].description, key


def test_example__both_languages__are_there() -> None:
    assert re.search(r"[ぁ-んァ-ン一-龥]", TEXT)
