"""A good file gives exact figures; a bad one gives every mistake at once, and never a traceback."""

import dataclasses
import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.config.conftest import ACCOUNT, KEY, OTHER_ACCOUNT, House
from ultrad.config import ConfigError, load, read
from ultrad.config.file import MAX_FILE_BYTES
from ultrad.config.mistakes import MAX_MISTAKES
from ultrad.core.limits import EstopRules, Limits
from ultrad.errors import EXIT_CONFIG
from ultrad.networks import NETWORKS, by_name


def test_load__good_file__figures_are_the_rules_own(house: House) -> None:
    config = house.load()
    assert config.limits == Limits()
    assert config.estop == EstopRules(lapses=True)
    assert config.network == by_name("ethereum")
    assert [endpoint.http.reveal() for endpoint in config.endpoints] == [
        f"https://a.example/v3/{KEY}a",
        f"https://b.example/v3/{KEY}b",
    ]
    assert config.endpoints[0].ws is None
    assert config.estop_token is None
    assert config.zone.key == "Asia/Tokyo"
    assert config.settings.positions[0].account == ACCOUNT


def test_load__own_figures__converted_exactly(house: House) -> None:
    house.replace("[[positions]]", "stale_head_s = 24\n[[positions]]").replace(
        'network = "ethereum"', 'network = "ethereum"\nmax_lag_blocks = 7\nstale_head_s = 24'
    ).replace("stale_head_s = 24\n[[positions]]", "[[positions]]")
    config = (
        house.replace("account =", "allow_empty = true\naccount =")
        .add(
            """
        [limits]
        warn_hf = 2
        trip_hf = 1.75
        hard_floor_hf = 1.20
        max_value_change_pct = 12.34
        value_window_h = 48
        oracle_max_jump_pct = 0.57
        [limits.oracle_max_age]
        WETH = 900
        "USDC.e" = 86400
        [estop]
        override_step_hf = 0.01
        override_minutes = 7
        [oracle.feeds]
        WETH = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"
        """
        )
        .load()
    )
    assert config.limits.warn_hf == 2 * 10**18
    assert config.limits.trip_hf == 175 * 10**16
    assert config.limits.hard_floor_hf == config.estop.hard_floor_hf == 12 * 10**17
    assert config.limits.max_value_change_bps == 1234
    assert config.limits.oracle_max_jump_bps == 57
    assert config.limits.value_window_ms == 48 * 3_600_000
    assert config.limits.oracle_max_age_by_symbol == (("USDC.e", 86400), ("WETH", 900))
    assert config.limits.allow_empty == {"main"}
    assert config.estop.override_step == 10**16
    assert config.estop.override_ms == 420_000
    assert (config.network.stale_head_s, config.network.max_lag_blocks) == (24, 7)


def test_load__loaded__nothing_can_be_changed(house: House) -> None:
    config = house.add("[limits.oracle_max_age]\nWETH = 900").load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.limits = Limits()  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.settings.limits.trip_hf = Decimal(1)
    with pytest.raises(TypeError):
        config.settings.limits.oracle_max_age["WETH"] = 1  # type: ignore[index]
    assert isinstance(config.settings.positions, tuple)


def test_load__mistakes_everywhere__all_in_one_answer(house: House) -> None:
    house.b.unlink()
    house.replace('"ethereum"', '"etherium"').replace('name = "main"', 'name = "Main"\ncolour = 1')
    mistakes = house.add(
        f"""
        [[positions]]
        name = "second"
        account = "{ACCOUNT.lower()}"
        [limits]
        warn_hf = 1.5
        oracle_max_age_s = 0
        [http]
        host = "0.0.0.0"
        port = "8000"
        [log]
        level = "verbose"
        """
    ).mistakes()
    for part in (
        'chain.network = "etherium" is not allowed. Allowed: one of "ethereum", "base"',
        'positions[Main].name = "Main" is not allowed. Allowed: 1 to 32 lower-case',
        "positions[Main].colour is not known",
        f'positions[second].account = "{ACCOUNT.lower()}" lacks its checksum',
        "limits.oracle_max_age_s = 0 is not allowed. Allowed: a whole number from 60 to 259200.",
        "limits.trip_hf = 1.6 must be under limits.warn_hf = 1.5",
        "http.host = 0.0.0.0 can be reached from other machines",
        'http.port = "8000" is not allowed. Allowed: a whole number from 0 to 65535.',
        'log.level = "verbose" is not allowed. Allowed: one of "debug", "info", "warning", "error".',
        f"chain.endpoints[b].http cannot be read from {house.b}: No such file",
    ):
        assert any(part in mistake for mistake in mistakes), (part, mistakes)
    assert len(mistakes) == 10, mistakes


def test_load__mistakes__one_fatal_error_with_path_count_and_exit_code(house: House) -> None:
    house.add("[limits]\ntrip_hf = 9\nwarn_hf = 'x'")
    with pytest.raises(ConfigError) as caught:
        house.load()
    error = caught.value
    assert error.exit_code == EXIT_CONFIG
    assert str(error).startswith(f"{house.path} cannot be used, mistakes found: 2.")
    assert all(f"- {mistake}" in str(error) for mistake in error.mistakes)
    assert error.__cause__ is None


def test_load__what_follows_from_a_mistake__is_not_told(house: House) -> None:
    house.replace('environment = "production"', 'environment = "prod"')
    assert 'environment = "prod" is not allowed' in house.only_mistake()


def test_load__one_of_two_endpoints_wrong__no_word_of_too_few(house: House) -> None:
    house.replace('name = "b"', 'name = "B!"')
    assert "chain.endpoints[#2].name" in house.only_mistake()


@pytest.mark.parametrize("missing", ["environment", "network", "[[positions]]", "[chain]"])
def test_load__required_part_missing__named(house: House, missing: str) -> None:
    lines = house.text.splitlines()
    if missing == "[[positions]]":
        lines = lines[: lines.index("[[positions]]")]
    elif missing == "[chain]":
        lines = [lines[1], *lines[lines.index("[[positions]]") :]]
    else:
        lines = [line for line in lines if not line.startswith(missing)]
    house.text = "\n".join(lines)
    mistake = house.only_mistake()
    assert f"{missing.strip('[]')} is missing" in mistake


def test_load__no_endpoints__named(house: House) -> None:
    start, end = house.text.index("[[chain.endpoints]]"), house.text.index("[[positions]]")
    house.text = house.text[:start] + house.text[end:]
    assert "chain.endpoints is missing" in house.only_mistake()


def test_load__unknown_key__suggests_the_one_meant(house: House) -> None:
    house.add("[limits]\ntrip_hv = 1.7")
    assert house.only_mistake() == "limits.trip_hv is not known. Did you mean trip_hf?"


def test_load__key_in_the_wrong_section__says_where_it_belongs(house: House) -> None:
    house.add("[estop]\ntrip_hf = 1.7")
    assert house.only_mistake() == "estop.trip_hf is not known there. It belongs to limits.trip_hf."


def test_load__unknown_section_with_a_secret__not_shown(house: House) -> None:
    house.add(f'["https://x.example/{KEY}"]\n"{KEY}" = "{KEY}"\n[infura]\nkey = "{KEY}"')
    assert len(house.mistakes()) == 2


@pytest.mark.parametrize("key", ["http", "ws"])
def test_load__url_where_a_reference_is_meant__refused_without_echo(house: House, key: str) -> None:
    house.replace('name = "b"\n', f'name = "b"\n{key} = "https://b.example/{KEY}"\n')
    if key == "http":
        house.replace(f'http = "{house.b}"\n', "")
    mistake = house.only_mistake()
    assert mistake.startswith(f"chain.endpoints[b].{key} = (hidden) holds a URL in plain text")


@pytest.mark.parametrize(
    "line",
    [
        'network = "https://a.example/{key}"',
        'network = "{key}"',
        'multicall = "{key}"',
        'addresses_provider = "0x{key}{key}"',
        "chain_id = 0x{hexadecimal}",
        'network = ["{key}"]',
        'network = {{ url = "{key}" }}',
    ],
)
def test_load__secret_in_a_wrong_place__not_shown(house: House, line: str) -> None:
    hexadecimal = KEY.encode().hex()
    house.replace('network = "ethereum"', line.format(key=KEY, hexadecimal=hexadecimal))
    told = "\n".join(house.mistakes())
    assert hexadecimal not in told
    assert str(int(hexadecimal, 16)) not in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environment = staging", "line 1, column 15: this is not TOML"),
        ("environment = 'staging'\n[chain", "line 2, column 7: this is not TOML"),
        ("a = 1\na = 2", "line 2, column 6: this key or section stands twice"),
        ("[log]\n[http]\n[log]", "line 3, column 5: this key or section stands twice"),
        (".".join("a" * 5000) + " = 1", "nested too deeply"),
        ("a = " + "9" * 5000, "more digits than"),
        ("a = 1e99999999999999999999", "more digits than"),
        ("", "the file is empty"),
        (" \n\t", "the file is empty"),
        ("#" * (MAX_FILE_BYTES + 1), "longer than 1000000 bytes"),
    ],
)
def test_load__not_toml__place_and_advice(house: House, text: str, said: str) -> None:
    house.text = text
    assert said in house.only_mistake()


def test_load__deeper_than_the_parser_goes__nested_too_deeply(house: House) -> None:
    house.text = "a = " + "[" * (sys.getrecursionlimit() + 1)  # other tests may have raised it
    assert "nested too deeply" in house.only_mistake()


def test_load__not_utf8__line_named(house: House) -> None:
    house.path.write_bytes("a = 1\nb = '緊急'\n".encode("shift_jis"))
    with pytest.raises(ConfigError, match="line 2 is not UTF-8"):
        load(house.path, {})


def test_load__byte_order_mark__taken(house: House) -> None:
    house.text = "\ufeff" + house.text.lstrip()
    assert house.load().settings.environment == "production"


def test_load__no_file_directory_pipe_or_unreadable__said(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in (
        (tmp_path / "none.toml", "cannot be read: No such file"),
        (tmp_path, "no regular file"),
        (pipe, "no regular file"),
        (tmp_path / "none.toml" / "x", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(path)


def test_load__very_many_mistakes__counted_and_cut(house: House) -> None:
    house.add("\n".join(f"[k{number}]" for number in range(MAX_MISTAKES + 50)))
    with pytest.raises(ConfigError) as caught:
        house.load()
    assert len(caught.value.mistakes) == MAX_MISTAKES + 50
    assert str(caught.value).endswith("- and 50 more")


def test_load__another_file_altogether__said_with_its_first_mistakes(house: House) -> None:
    house.text = "\n".join(f"k{number} = 1" for number in range(20_000))
    mistakes = house.mistakes()
    assert mistakes[0] == "there are 20002 mistakes in it. It is probably the wrong file."
    assert len(mistakes) == 11


def test_load__language_of_a_broken_file__kept_for_the_answer(house: House) -> None:
    house.text = 'language = "en"\nx = 1'
    with pytest.raises(ConfigError) as caught:
        house.load()
    assert caught.value.language == "en"
    house.text = "x"
    with pytest.raises(ConfigError) as caught:
        house.load()
    assert caught.value.language == "ja"


def test_read__secrets_out_of_reach__settings_all_the_same(house: House) -> None:
    house.load()
    house.a.unlink()
    house.b.unlink()
    assert read(house.path).state_dir == "/var/lib/ultrad"


def test_read__mistakes__told_like_load(house: House) -> None:
    house.path.write_text(house.add("[limits]\nwarn_hf = 1.2").text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"limits\.trip_hf = 1\.6 must be under"):
        read(house.path)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_load__each_known_network__taken_by_name(house: House, network: object) -> None:
    house.replace('"ethereum"', f'"{network.name}"')  # type: ignore[attr-defined]
    house.replace('"production"', '"staging"' if network.testnet else '"production"')  # type: ignore[attr-defined]
    assert house.load().network is not None


def test_load__custom_network__as_written(house: House) -> None:
    house.replace(
        '"ethereum"', f'"custom"\nchain_id = 56\ntestnet = false\naddresses_provider = "{OTHER_ACCOUNT}"'
    )
    network = house.load().network
    assert (network.name, network.chain_id, network.addresses_provider) == ("custom", 56, OTHER_ACCOUNT)
    assert (network.stale_head_s, network.sequencer_feed) == (60, None)


def test_load__custom_market_on_a_known_chain__has_its_figures(house: House) -> None:
    house.replace(
        '"ethereum"', f'"custom"\nchain_id = 8453\ntestnet = false\naddresses_provider = "{OTHER_ACCOUNT}"'
    )
    network, base = house.load().network, by_name("base")
    assert base is not None
    assert (network.sequencer_feed, network.stale_head_s) == (base.sequencer_feed, base.stale_head_s)
