"""A configuration as flat text: what is in it, what a reload may change, and what is looser."""

import sys

import pytest

from tests.config.conftest import KEY, OTHER_ACCOUNT, House
from tests.config.test_example import TEXT
from ultrad.config import Config, ConfigError, sound
from ultrad.config.explain import all_keys
from ultrad.config.facts import _traits, fingerprint, is_looser, moved_secrets, reloads, texts
from ultrad.config.schema import Settings
from ultrad.core.changes import changes
from ultrad.errors import Permanent
from ultrad.rules import rules_of

LINES = {
    "chain.crosscheck_blocks": "5",
    "chain.market_interval_s": "7",
    "chain.silence_rounds": "4",
    "chain.silence_s": "90",
    "positions[].allow_empty": "true",
    "limits.warn_hf": "1.9",
    "limits.trip_hf": "1.65",
    "limits.hard_floor_hf": "1.2",
    "limits.resume_hf": "1.9",
    "limits.max_value_change_pct": "15",
    "limits.value_window_h": "48",
    "limits.oracle_max_age_s": "1800",
    "limits.oracle_max_age": "{ USDC = 90000 }",
    "limits.oracle_max_jump_pct": "7.5",
    "limits.sequencer_grace_s": "4000",
    "estop.override_minutes": "20",
    "estop.override_step_hf": "0.04",
    "estop.crosscheck_wait_s": "3",
    "estop.unresolved_s": "20",
    "estop.resume_id_minutes": "10",
    "estop.look_back_hours": "2",
    "estop.closer_watch_minutes": "40",
    "jobs.backup_daily.enabled": "false",
    "jobs.backup_daily.cron": '"30 0 * * *"',
    "jobs.backup_daily.timeout_s": "600",
    "jobs.backup_daily.missed": '"skip"',
    "jobs.backup_watch.enabled": "false",
    "jobs.backup_watch.cron": '"25 * * * *"',
    "jobs.backup_watch.timeout_s": "300",
    "jobs.backup_watch.missed": '"once"',
    "jobs.restore_drill.enabled": "false",
    "jobs.restore_drill.cron": '"0 4 * * 0"',
    "jobs.restore_drill.timeout_s": "600",
    "jobs.restore_drill.missed": '"skip"',
    "jobs.health_check.enabled": "false",
    "jobs.health_check.cron": '"*/5 * * * *"',
    "jobs.health_check.timeout_s": "20",
    "jobs.health_check.missed": '"once"',
    "jobs.housekeeping.enabled": "false",
    "jobs.housekeeping.cron": '"15 * * * *"',
    "jobs.housekeeping.timeout_s": "300",
    "jobs.housekeeping.missed": '"skip"',
    "jobs.monitor_daily.enabled": "false",
    "jobs.monitor_daily.cron": '"45 0 * * *"',
    "jobs.monitor_daily.timeout_s": "300",
    "jobs.monitor_daily.missed": '"skip"',
    "jobs.monitor_weekly.enabled": "false",
    "jobs.monitor_weekly.cron": '"0 2 * * 1"',
    "jobs.monitor_weekly.timeout_s": "300",
    "jobs.monitor_weekly.missed": '"skip"',
    "jobs.trade_cycle.enabled": "false",
    "jobs.trade_cycle.cron": '"*/2 * * * *"',
    "jobs.trade_cycle.timeout_s": "30",
    "jobs.trade_cycle.missed": '"once"',
    **{
        f"jobs.{name}.{key}": value
        for name in ("estop_drill", "notify_drill")
        for key, value in (
            ("enabled", "false"),
            ("cron", '"30 9 * * 2"'),
            ("timeout_s", "90"),
            ("missed", '"skip"'),
        )
    },
    "log.level": '"debug"',
}
"""Another value for each key that may change while the daemon runs."""


def _with(house: House, key: str, value: str) -> Config:
    section, _, name = key.rpartition(".")
    if section == "positions[]":
        house.replace("[[positions]]", f"[[positions]]\n{name} = {value}")
    elif section == "chain":
        house.replace("[chain]", f"[chain]\n{name} = {value}")
    else:
        house.add(f"[{section}]\n{name} = {value}")
    return house.load()


def test_reloads__its_keys__are_those_tried_here() -> None:
    assert {key for key, trait in _traits().items() if trait.reload} == set(LINES)


def test_traits__every_key_of_the_schema__is_known() -> None:
    assert set(_traits()) == set(all_keys(Settings))


@pytest.mark.parametrize(("key", "value"), LINES.items())
def test_reloads__each_key__is_something_that_the_daemon_goes_by(key: str, value: str, house: House) -> None:
    if key.startswith("jobs.trade_cycle"):  # it has nothing to do where no rows are taken
        house.add(f'[trade]\nposition = "main"\nasset = "{OTHER_ACCOUNT}"\ntrade_usd = 50')
        house.add(f'[notion]\ntoken = "{house.secret("n", KEY)}"\ndatabase = "{"0" * 32}"')
    if key.startswith(("jobs.backup", "jobs.restore")):  # the same where nothing is backed up
        house.add('[[backup.targets]]\nname = "nas"\nkind = "directory"\npath = "/srv/nas"')
    before = house.load()
    after = _with(house, key, value)
    found = changes(texts(before), texts(after), is_looser)
    assert len(found) == 1
    assert reloads(found[0].key)
    assert rules_of(before) != rules_of(after)


@pytest.mark.parametrize(
    "key",
    [
        "environment",
        "chain.endpoints",
        "chain.endpoints[a].http",
        "chain.stale_head_s",
        "positions",
        "positions[main].account",
        "oracle.feeds.WETH",
        "http.port",
        "estop.resumers",
        "log.format",
        "no.such.key",
    ],
)
def test_reloads__anything_else__needs_a_restart(key: str) -> None:
    assert not reloads(key)


def test_texts__good_file__has_defaults_effective_figures_and_no_secret(house: House) -> None:
    found = texts(house.load())
    assert found["limits.trip_hf"] == "1.6"
    assert found["chain.stale_head_s"] == "60"
    assert found["chain.endpoints"] == "a, b"
    assert found["chain.endpoints[a].http"] == str(house.a)
    assert found["positions[main].allow_empty"] == "false"
    assert "http.estop_token" not in found
    assert KEY not in str(found)


def test_texts__numbers_written_in_another_way__are_the_same(house: House) -> None:
    before = texts(house.load())
    after = texts(house.add("[limits]\ntrip_hf = 1.60").load())
    assert fingerprint(before) == fingerprint(after)


def test_texts__fingerprints_of_secrets__are_told_apart_without_being_shown(house: House) -> None:
    one = texts(house.add(f'[guards]\nforeign_secrets_sha256 = ["{"0" * 64}"]').load())
    other = texts(house.replace("0" * 64, "1" * 64).load())
    key = "guards.foreign_secrets_sha256"
    assert one[key].startswith("1 (sha256 ")
    assert one[key] != other[key]
    assert "0" * 64 not in one[key]


@pytest.mark.parametrize(
    ("key", "old", "new", "looser"),
    [
        ("limits.trip_hf", "1.6", "1.5", True),
        ("limits.trip_hf", "1.5", "1.6", False),
        ("limits.max_value_change_pct", "9", "10", True),
        ("positions[main].allow_empty", "false", "true", True),
        ("jobs.health_check.enabled", "true", "false", True),
        ("jobs.health_check.enabled", "false", "true", False),
        ("http.exposed", "false", "true", True),
        ("limits.oracle_max_age.USDC", "60", "90", True),
        ("log.level", "info", "debug", False),
        ("limits.trip_hf", "of another version", "1.5", False),
        ("no.such.key", "1", "2", False),
    ],
)
def test_is_looser__by_the_schemas_word(key: str, old: str, new: str, looser: bool) -> None:  # noqa: FBT001
    assert is_looser(key, {key: old}, {key: new}) is looser


def test_is_looser__entry_of_a_free_table_comes_or_goes__is_held_against_what_counts_without_it() -> None:
    plain = {"limits.oracle_max_age_s": "3600"}
    own = plain | {"limits.oracle_max_age.USDC": "90000"}
    assert is_looser("limits.oracle_max_age.USDC", plain, own)
    assert not is_looser("limits.oracle_max_age.USDC", own, plain)


def test_is_looser__key_that_comes_or_goes__is_not() -> None:
    assert not is_looser("positions[main].allow_empty", {}, {"positions[main].allow_empty": "true"})


def test_moved_secrets__another_value_behind_the_same_reference__is_named(house: House) -> None:
    before = house.load()
    house.secret("b", f"https://b.example/v3/{KEY}other")
    assert moved_secrets(before, house.load()) == ("chain.endpoints[b].http",)


def test_sound__good_file__is_loaded(house: House) -> None:
    house.load()
    assert sound(house.path, {}).settings.environment == "production"


def test_sound__file_that_others_can_write__is_refused(house: House) -> None:
    house.load()
    house.path.chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        sound(house.path, {})


def test_sound__file_gone_since_it_was_read__is_an_error_of_ours(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = house.load()
    house.path.unlink()
    monkeypatch.setattr(sys.modules["ultrad.config.check"], "load", lambda *_: config)
    with pytest.raises(Permanent, match="cannot be examined"):
        sound(house.path, {})


def test_example__what_a_reload_takes__is_listed_at_its_head() -> None:
    head = TEXT[: TEXT.index("environment =")]
    for key in LINES:
        section, plain = key.partition(".")[0], key.replace("[]", "")
        assert f"[{section}]" in head or plain in head, key
