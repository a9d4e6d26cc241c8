"""What `check` says of a valid file."""

import os
from pathlib import Path

import pytest

from tests.config.conftest import KEY, House
from ultrad.config import check
from ultrad.config.secret_rules import secret_references


def _lines(house: House, level: str) -> list[str]:
    told = [(line.level, str(line.message)) for line in check(house.load(), house.environ)]
    assert not any(KEY in message for _, message in told)
    return [message for this, message in told if this == level]


def test_check__good_file__first_line_sums_it_up(house: House) -> None:
    assert _lines(house, "ok")[0] == (
        f"{house.path} is valid: production on ethereum (chain id 1), positions: 1, endpoints: 2."
    )
    assert _lines(house, "error") == []


def test_check__nothing_known_of_the_other_environment__warned(house: House) -> None:
    assert any("[guards] does not name both" in line for line in _lines(house, "warning"))
    house.add('[guards]\nforeign_accounts = ["0xdD2FD4581271e230360230F9337D5c0430Bf44C0"]')
    house.add(f'foreign_secrets_sha256 = ["{"0" * 64}"]')
    house.add('[estop]\nresumers = ["root", "nobody"]')
    house.add('[[backup.targets]]\nname = "nas"\nkind = "directory"\npath = "/srv/nas"')
    assert [line for line in _lines(house, "warning") if "[backup]" not in line] == []


def test_check__everybody_may_resume_in_production__warned(house: House) -> None:
    assert any(line.startswith("estop.resumers is empty") for line in _lines(house, "warning"))
    house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    assert not any("estop.resumers" in line for line in _lines(house, "warning"))


def test_check__resumer_whom_the_machine_does_not_know__warned(house: House) -> None:
    house.add('[estop]\nresumers = ["root", "no-such-user"]')
    (line,) = (line for line in _lines(house, "warning") if "estop.resumers" in line)
    assert line == "estop.resumers: this machine has no user no-such-user."


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[limits]\ntrip_hf = 1.55", "limits.trip_hf = 1.55 is looser than the default 1.6."),
        ("[limits]\nmax_value_change_pct = 21", "limits.max_value_change_pct = 21 is looser than the default 20."),
        ("[limits]\nvalue_window_h = 12", "limits.value_window_h = 12 is looser than the default 24."),
        (
            "[limits.oracle_max_age]\nUSDC = 90000",
            "limits.oracle_max_age.USDC = 90000 is looser than the default 3600.",
        ),
        ("[estop]\noverride_minutes = 60", "estop.override_minutes = 60 is looser than the default 30."),
        ("[jobs.health_check]\nenabled = false", "jobs.health_check is switched off."),
        (
            '[http]\nexposed = true\nhost = "0.0.0.0"',
            "http.exposed = true: other machines may reach 0.0.0.0 port 8000",
        ),
    ],
)
def test_check__loosened_or_switched_off__warned(house: House, lines: str, said: str) -> None:
    assert any(line.startswith(said) for line in _lines(house.add(lines), "warning"))


@pytest.mark.parametrize(
    "lines", ["trip_hf = 1.65", "max_value_change_pct = 19", "value_window_h = 48", "warn_hf = 1.8"]
)
def test_check__tightened_or_as_it_is__no_word(house: House, lines: str) -> None:
    assert not any("looser" in line for line in _lines(house.add(f"[limits]\n{lines}"), "warning"))


@pytest.mark.parametrize(("key", "value", "default"), [("stale_head_s", 61, 60), ("max_lag_blocks", 4, 3)])
def test_check__looser_than_the_networks_own__warned(house: House, key: str, value: int, default: int) -> None:
    house.replace('"ethereum"', f'"ethereum"\n{key} = {value}')
    assert f"chain.{key} = {value} is looser than the default {default}." in _lines(house, "warning")
    house.replace(f"{key} = {value}", f"{key} = {default}" if default >= 5 else f"{key} = 1")
    assert not any("looser" in line for line in _lines(house, "warning"))


def test_check__position_that_may_be_empty__warned(house: House) -> None:
    house.replace('name = "main"', 'name = "main"\nallow_empty = true')
    assert any("positions[main]: may be empty" in line for line in _lines(house, "warning"))


def test_check__endpoints_on_one_host__warned_without_the_host(house: House) -> None:
    house.secret("b", "https://a.example/v3/other")
    line = next(line for line in _lines(house, "warning") if "same host" in line)
    assert "a.example" not in line


def test_check__one_unencrypted_endpoint_in_staging__warned_twice(house: House) -> None:
    start, end = house.text.rindex("[[chain.endpoints]]"), house.text.index("[[positions]]")
    house.text = house.text[:start] + house.text[end:]
    house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    house.secret("a", "http://rpc.example/")
    warnings = _lines(house, "warning")
    assert any("there is only one" in line for line in warnings)
    assert any("chain.endpoints[a]: its URL is not encrypted" in line for line in warnings)


def test_check__closed_ways__named(house: House) -> None:
    told = _lines(house, "ok")
    assert any("http.estop_token is not set" in line for line in told)
    assert sum("has no ws" in line for line in told) == 2
    house.add(f'[http]\nestop_token = "{house.secret("token", KEY)}"')
    house.replace('name = "a"\n', f'name = "a"\nws = "{house.secret("ws", "wss://a.example/x")}"\n')
    told = _lines(house, "ok")
    assert not any("estop_token" in line for line in told)
    assert sum("has no ws" in line for line in told) == 1


def test_check__credentials_nobody_asks_for__named(house: House) -> None:
    directory = house.directory / "credentials"
    directory.mkdir()
    for name in ("rpc-a", "rpc-aa", "plain_telegram"):
        house.secret(f"credentials/{name}", f"https://c.example/{KEY}")
    house.replace(str(house.a), "rpc-a")
    house.environ = {"CREDENTIALS_DIRECTORY": str(directory)}
    unused = [line for line in _lines(house, "warning") if "is not used" in line]
    assert [line.split()[2] for line in unused] == ["rpc-aa", "telegram"]


@pytest.mark.parametrize(("mode", "good"), [(0o644, True), (0o600, True), (0o664, False), (0o646, False)])
def test_check__file_that_others_can_write__error(house: House, mode: int, *, good: bool) -> None:
    house.load()
    house.path.chmod(mode)
    assert (_lines(house, "error") == []) is good


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_check__file_of_another_user__error(house: House) -> None:
    house.load()
    os.chown(house.path, 12345, 12345)
    assert "belongs to another user (uid 12345)" in _lines(house, "error")[0]


def test_secret_references__all_kinds__each_with_its_key(house: House) -> None:
    house.replace('name = "a"\n', f'name = "a"\nws = "{house.secret("ws", "wss://a.example/x")}"\n')
    house.add(f'[http]\nestop_token = "{house.secret("token", KEY)}"')
    assert [key for key, _ in secret_references(house.load().settings)] == [
        "chain.endpoints[a].http",
        "chain.endpoints[a].ws",
        "chain.endpoints[b].http",
        "http.estop_token",
        "notify.channels[dev].url",
        "notify.channels[oncall].token",
        "deadman.url",
    ]


def test_check__relative_path__taken(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultrad.config import load  # noqa: PLC0415 - here alone

    house.load()
    monkeypatch.chdir(house.directory)
    assert check(load(Path("ultrad.toml"), {}), {})[0].level == "ok"
