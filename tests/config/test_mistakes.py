"""One mistake at a time, and any input at all: the key is named, and no secret shown."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.conftest import ACCOUNT, KEY, OTHER_ACCOUNT, House
from ultrad.config import ConfigError, load, read
from ultrad.config.explain import all_keys

_SCALARS = (
    st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=80)
    | st.dates()
    | st.sampled_from([f"https://x.example/{KEY}", KEY, ACCOUNT, ACCOUNT.lower(), "0x", "/", "a-b", "1e9"])
)
_KEYS = st.sampled_from(
    "environment language timezone state_dir chain network endpoints name http positions account limits trip_hf"
    f" warn_hf oracle oracle_max_age WETH jobs health_check cron enabled guards estop {KEY}".split()
) | st.text(max_size=12)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)


def _toml(value: object) -> str:
    """Any tree as an inline TOML value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\U{ord(c):08x}" if not 0xD800 <= ord(c) <= 0xDFFF else "?" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_toml(key)} = {_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() and "." in f"{value:f}" else "nan"
    return str(value)


@given(st.dictionaries(_KEYS, _TREES, max_size=8))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_load__any_tree__only_a_config_error_and_no_secret_in_it(tmp_path: Path, tree: dict[str, object]) -> None:
    path = tmp_path / "any.toml"
    path.write_text("\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in tree.items()), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.mistakes
    assert KEY not in str(caught.value)
    assert "pydantic" not in str(caught.value)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_load__any_bytes__only_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path, {})


@given(st.sampled_from(sorted(all_keys())), _SCALARS | st.lists(_SCALARS, max_size=2))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_read__any_value_at_any_key__taken_or_the_key_is_named(tmp_path: Path, key: str, value: object) -> None:
    tree: dict[str, Any] = {
        "environment": "staging",
        "chain": {"network": "sepolia", "endpoints": [{"name": "a", "http": "a"}]},
        "positions": [{"name": "main", "account": ACCOUNT}],
        "notify": {
            "channels": [{"name": "ops", "kind": "slack-webhook", "url": "ops"}],
            "routes": [{"name": "all", "severities": ["S1"], "channels": ["ops"]}],
        },
        "trade": {"position": "main", "asset": OTHER_ACCOUNT, "trade_usd": 50},
        "signer": {"kind": "keystore", "keystore": "keystore", "passphrase": "passphrase"},
        "notion": {"token": "notion", "database": "0" * 32},
        "octobot": {
            "url": "http://127.0.0.1:9000",
            "token": "octobot",
            "exchange": "binance",
            "symbol": "BTCUSDT",
            "volume": "2%",
        },
        "signals": {"token": "signals"},
        "backup": {"targets": [{"name": "local", "kind": "directory", "path": "/var/backups/ultrad"}]},
    }
    *sections, name = key.split(".")
    here: Any = tree
    for section in sections:
        here = here[section[:-2]][0] if section.endswith("[]") else here.setdefault(section, {})
    here[name] = value
    path = tmp_path / "any.toml"
    path.write_text("\n".join(f"{_toml(key)} = {_toml(item)}" for key, item in tree.items()), encoding="utf-8")
    mistakes: tuple[str, ...] = ()
    try:
        read(path)
    except ConfigError as error:
        mistakes = tuple(map(str, error.mistakes))
    assert not any(KEY in mistake for mistake in mistakes)
    assert all(any(name in mistake for name in (name, "network", "environment")) for mistake in mistakes)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "[limits.oracle_max_age]\nWETH = 3",
            "limits.oracle_max_age.WETH = 3 is not allowed. Allowed: a whole number",
        ),
        (
            '[limits.oracle_max_age]\n"a b" = 99',
            "limits.oracle_max_age.a b: this name is not allowed in [limits.oracle",
        ),
        (f'[oracle.feeds]\nWETH = "{ACCOUNT.lower()}"', "oracle.feeds.WETH = "),
        (
            f"[oracle]\nassets = [{', '.join([repr(ACCOUNT)] * 1001)}]",
            "oracle.assets has too many entries: at most 1000",
        ),
        ("[oracle]\nassets = 3", "oracle.assets = 3 is not allowed. Allowed: a list."),
        ('[oracle]\nassets = ["x"]', 'oracle.assets[#1] = "x" is no address'),
        (
            "[guards]\nforeign_secrets_sha256 = ['abc']",
            "guards.foreign_secrets_sha256[#1] = (hidden) is not allowed",
        ),
        ("[http]\nexposed = 1", "http.exposed = 1 is not allowed. Allowed: true or false."),
        ("[http]\nhost = 'localhost'", 'http.host = "localhost" is not allowed. Allowed: an IP address'),
        ("[http]\nport = 8000.0", "http.port = 8000.0 is not allowed. Allowed: a whole number"),
        (
            "[http]\nport = 0xffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "http.port = (a very long number)",
        ),
        ("[http]\nport = 1979-05-27", "http.port = 1979-05-27 is not allowed"),
        ("[http]\nport = true", "http.port = true is not allowed"),
        ("[limits]\ntrip_hf = 1.601", "at most two digits after the point"),
        ("[limits]\ntrip_hf = inf", "limits.trip_hf = Infinity is not allowed. Allowed: a number from 1.05 to 5"),
        ("[limits]\ntrip_hf = '1.6'", 'limits.trip_hf = "1.6" is not allowed'),
        ("[limits]\nwarn_hf = false", "limits.warn_hf = false is not allowed"),
        (
            "[jobs]\nhealth_check = 3",
            "jobs.health_check = 3 is not allowed. Allowed: a section with its own keys.",
        ),
        ("[jobs.health_check]\ncron = '61 * * * *'", 'jobs.health_check.cron = "61 * * * *" is no schedule ('),
        (
            "[[notify.routes]]\nname = 'odd'\nseverities = []\nchannels = ['dev']",
            "notify.routes[odd].severities is empty: at least 1 needed.",
        ),
        (
            "[[notify.routes]]\nname = 'odd'\nseverities = ['S3']\nchannels = ['dev']",
            'notify.routes[odd].severities[#1] = "S3" is not allowed. Allowed: one of "S1", "S2".',
        ),
        (
            "[jobs.yesterday]\nenabled = true",
            (
                "Remove it, or use one of: backup_daily, backup_watch, health_check, housekeeping, restore_drill, "
                "monitor_daily, monitor_weekly, trade_cycle, estop_drill, notify_drill."
            ),
        ),
    ],
)
def test_load__one_mistake__key_value_and_what_is_allowed(house: House, lines: str, said: str) -> None:
    assert said in house.add(lines).only_mistake()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('timezone = "Asia/Tokio"', 'timezone = "Asia/Tokio" is no time zone that this machine knows'),
        ('timezone = "Asia"', "is no time zone"),
        ('timezone = "../../etc/passwd"', "is no time zone"),
        ('timezone = "/etc/localtime"', "is no time zone"),
        ('timezone = ""', "is no time zone"),
        ('state_dir = "var/lib"', "Allowed: an absolute path"),
        ('state_dir = "/var/../lib"', "Allowed: an absolute path"),
        ('state_dir = "/var/lib/"', "Allowed: an absolute path"),
        ('state_dir = "/"', "Allowed: an absolute path"),
        ('state_dir = "~/ultrad"', "Allowed: an absolute path"),
        (f'runtime_dir = "/{"long/" * 20}x"', "Allowed: an absolute path of at most 80 bytes"),
        ('language = "JA"', 'Allowed: one of "ja", "en".'),
    ],
)
def test_load__top_level_mistake__key_value_and_what_is_allowed(house: House, line: str, said: str) -> None:
    mistake = house.replace("[chain]", f"{line}\n[chain]").only_mistake()
    assert mistake.startswith(line.partition(" ")[0])
    assert said in mistake


def test_load__section_given_as_a_value__said(house: House) -> None:
    house.text = f'environment = "production"\nchain = 3\n[[positions]]\nname = "main"\naccount = "{ACCOUNT}"'
    assert house.only_mistake() == "chain = 3 is not allowed. Allowed: a section with its own keys."


def test_load__missing_inside_a_list__section_named(house: House) -> None:
    house.replace(f'http = "{house.b}"\n', "")
    assert house.only_mistake().startswith("chain.endpoints[b].http is missing. Give it the name of a systemd")


@pytest.mark.parametrize("value", ["https://x/k", "wss://x", "line\\nbreak", "a" * 49])
def test_load__text_that_could_be_a_secret__not_shown(house: House, value: str) -> None:
    mistake = house.replace('"ethereum"', f'"{value}"').only_mistake()
    assert mistake.startswith("chain.network = (not shown) is not allowed. Allowed: one of")
