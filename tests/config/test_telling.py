"""Channels, routes and the outside monitor: each rule of theirs, and what `check` says of them."""

from datetime import time

import pytest

from tests.config.conftest import KEY, House
from ultrad.config import check, guards_for_others
from ultrad.config.telling import DAYS, NEEDS, parse_hours
from ultrad.core.events import Severity
from ultrad.core.limits import HOUR_MS, MINUTE_MS

KEYS = ("url", "token", "key", "to")


def _channel(house: House, kind: str, keys: tuple[str, ...], name: str = "new") -> str:
    """A channel with these keys, each good in itself."""
    values = {
        "url": house.secret(f"{name}-url", f"https://{name}.example/{KEY}"),
        "token": house.secret(f"{name}-token", f"{KEY}{name}t"),
        "key": house.secret(f"{name}-key", f"{KEY}{name}k"),
        "to": "C0000001",
    }
    lines = "".join(f'{key} = "{values[key]}"\n' for key in keys)
    return f'[[notify.channels]]\nname = "{name}"\nkind = "{kind}"\n{lines}'


def _warnings(house: House) -> list[str]:
    return [str(line.message) for line in check(house.load(), {}) if line.level == "warning"]


# ---------------------------------------------------------------- as it is loaded


def test_load__channels_and_routes__secrets_units_and_costs(house: House) -> None:
    house.replace(
        "[deadman]", "[notify]\nrepeat_s1_minutes = 5\ngive_up_hours = 24\nspared_quota_pct = 50\n[deadman]"
    )
    loaded = house.load()
    dev, oncall = loaded.channels
    assert (dev.kind, dev.to, dev.token, dev.key) == ("slack-webhook", "", None, None)
    assert dev.url is not None
    assert oncall.token is not None
    assert (dev.url.reveal(), oncall.token.reveal()) == (f"https://hooks.example/services/{KEY}d", f"{KEY}o")
    (route,) = loaded.tell.routes
    assert (route.severities, route.channels, route.fallback) == (
        frozenset({Severity.S1, Severity.S2}),
        ("dev",),
        ("oncall",),
    )
    assert loaded.tell.costly == {"oncall"}
    assert (loaded.tell.repeat_s1_ms, loaded.tell.repeat_s2_ms) == (5 * MINUTE_MS, HOUR_MS)
    assert (loaded.post.give_up_ms, loaded.post.down_ms, loaded.post.spared_pct) == (24 * HOUR_MS, 300_000, 50)
    assert loaded.deadman_url is not None
    assert KEY not in repr(loaded)


@pytest.mark.parametrize("kind", NEEDS)
def test_load__channel_with_what_its_kind_needs__taken(house: House, kind: str) -> None:
    house.add(_channel(house, kind, NEEDS[kind]))  # type: ignore[index]
    assert house.load().channels[-1].kind == kind


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in NEEDS for key in KEYS])
def test_load__channel_with_a_key_too_few_or_too_many__said(house: House, kind: str, key: str) -> None:
    needed = NEEDS[kind]  # type: ignore[index]
    given = tuple(one for one in KEYS if (one in needed) is not (one == key))
    said = (
        f'is missing: kind = "{kind}" needs it.'
        if key in needed
        else f'is not used by kind = "{kind}": remove it.'
    )
    assert house.add(_channel(house, kind, given)).only_mistake() == f"notify.channels[new].{key} {said}"


@pytest.mark.parametrize(
    ("section", "again"),
    [
        ("channels", '[[notify.channels]]\nname = "dev"\nkind = "slack-webhook"\nurl = "{dev}"'),
        ("routes", '[[notify.routes]]\nname = "all"\nseverities = ["S2"]\nchannels = ["dev"]'),
    ],
)
def test_load__name_twice__said(house: House, section: str, again: str) -> None:
    mistake = house.add(again.format(dev=house.dev)).only_mistake()
    assert mistake.startswith(
        f"notify.{section}: the name {'dev' if section == 'channels' else 'all'} stands more"
    )


@pytest.mark.parametrize("field", ["channels", "fallback", "escalate"])
def test_load__route_to_a_channel_that_is_none__said_with_those_there_are(house: House, field: str) -> None:
    channels = "" if field == "channels" else 'channels = ["dev"]\n'
    house.add(f'[[notify.routes]]\nname = "odd"\nseverities = ["S2"]\n{channels}{field} = ["dve"]')
    assert house.only_mistake() == (
        f"notify.routes[odd].{field} names the channel dve, which is none. There are: dev, oncall."
    )


def test_load__channel_that_is_wrong_itself__no_route_is_blamed(house: House) -> None:
    mistake = house.replace('"slack-webhook"', '"slack"').only_mistake()
    assert mistake.startswith("notify.channels[dev].kind")


def test_load__s1_with_hours__refused(house: House) -> None:
    house.add('hours = "mon-fri 09:00-18:00"')
    assert house.only_mistake() == (
        "notify.routes[all].hours: an S1 is told at any hour. Give S1 a route of its own without hours."
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('severities = ["S3"]\nchannels = ["dev"]', 'notify.routes[odd].severities[#1] = "S3" is not allowed'),
        ('severities = []\nchannels = ["dev"]', "notify.routes[odd].severities is empty: at least 1 needed."),
        ('severities = ["S2"]\nchannels = []', "notify.routes[odd].channels is empty: at least 1 needed."),
        ('channels = ["dev"]', "notify.routes[odd].severities is missing"),
        (
            'severities = ["S2"]\nchannels = ["dev"]\nhours = "always"',
            "Allowed: days and a span of local time, such",
        ),
    ],
)
def test_load__route_that_carries_nothing__said(house: House, lines: str, said: str) -> None:
    assert said in house.add(f'[[notify.routes]]\nname = "odd"\n{lines}').only_mistake()


@pytest.mark.parametrize("recipient", ["", "a b", "C1\\n", "x" * 81, "@here", "会議"])
def test_load__recipient_that_is_no_id__refused(house: House, recipient: str) -> None:
    house.replace('"Uoncall1"', f'"{recipient}"')
    assert "notify.channels[oncall].to" in house.only_mistake()


# ---------------------------------------------------------------- hours


@pytest.mark.parametrize(
    ("text", "days", "begins", "ends"),
    [
        ("mon-fri 09:00-18:00", {0, 1, 2, 3, 4}, time(9), time(18)),
        ("sun 00:00-23:59", {6}, time(0), time(23, 59)),
        ("mon-sun 20:00-08:00", {0, 1, 2, 3, 4, 5, 6}, time(20), time(8)),
        ("fri-mon 09:30-09:30", {4, 5, 6, 0}, time(9, 30), time(9, 30)),
        ("sun-mon 09:00-18:00", {6, 0}, time(9), time(18)),
    ],
)
def test_parse_hours__good__days_and_times(text: str, days: set[int], begins: time, ends: time) -> None:
    hours = parse_hours(text)
    assert hours is not None
    assert (hours.weekdays, hours.begins, hours.ends) == (frozenset(days), begins, ends)


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("last", range(7))
def test_parse_hours__any_two_days__from_one_through_the_other(first: int, last: int) -> None:
    hours = parse_hours(f"{DAYS[first]}-{DAYS[last]} 09:00-18:00")
    assert hours is not None
    assert hours.weekdays == {(first + ahead) % 7 for ahead in range((last - first) % 7 + 1)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "09:00-18:00",
        "mon-fri",
        "Mon-Fri 09:00-18:00",
        "mon-fry 09:00-18:00",
        "mon,fri 09:00-18:00",
        "mon-fri 9:00-18:00",
        "mon-fri 09:00-24:00",
        "mon-fri 09:60-18:00",
        "mon-fri 09:00-18:00 ",
        "mon-fri 09:00 - 18:00",
    ],
)
def test_parse_hours__anything_else__is_none(text: str) -> None:
    assert parse_hours(text) is None


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(("kind", "key"), [("line", "token"), ("slack-app", "token"), ("webhook", "key")])
def test_load__token_or_key_that_is_too_short__refused(house: House, kind: str, key: str) -> None:
    house.add(_channel(house, kind, NEEDS[kind]))  # type: ignore[index]
    house.secret(f"new-{key}", "x" * 15)
    mistake = house.only_mistake()
    assert mistake.startswith(f"notify.channels[new].{key} (")
    assert "is too short for a token: use at least 16 random characters" in mistake
    house.secret(f"new-{key}", "x" * 16)
    house.load()


@pytest.mark.parametrize("name", ["dev", "monitor"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/x", "must begin with https:// in production"),
        ("hooks.example/x", "must hold a URL that begins with https://"),
        ("ftp://hooks.example/x", "must hold a URL that begins with https://"),
        ("https://", "must hold a URL that begins with https://"),
    ],
)
def test_load__url_that_is_not_https__refused_in_production(house: House, name: str, url: str, said: str) -> None:
    house.secret(name, url)
    mistake = house.only_mistake()
    assert said in mistake
    assert mistake.startswith("deadman.url" if name == "monitor" else "notify.channels[dev].url")
    assert "hooks.example" not in mistake


@pytest.mark.parametrize("name", ["dev", "monitor"])
def test_load__plain_url__taken_on_loopback_and_in_staging(house: House, name: str) -> None:
    house.secret(name, "http://127.0.0.1:9/x")
    house.load()
    house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    house.secret(name, "http://hooks.example/x")
    house.load()


def test_load__secret_that_cannot_be_read__key_named(house: House) -> None:
    house.secret("oncall", KEY, mode=0o644)
    assert house.only_mistake().startswith("notify.channels[oncall].token ")


def test_load__recipient_of_the_other_environment__refused(house: House) -> None:
    house.add('[guards]\nforeign_recipients = ["Uoncall1"]')
    assert house.only_mistake() == (
        "notify.channels[oncall].to = Uoncall1 belongs to the other environment, as guards.foreign_recipients"
        " says. Use a channel of this one."
    )


def test_guards_for_others__channels__recipients_and_a_fingerprint_of_each_secret(house: House) -> None:
    house.add(_channel(house, "webhook", ("url", "key")) + _channel(house, "slack-app", ("token", "to"), "app"))
    config = house.load()
    guards = guards_for_others(config)
    secrets = [one for channel in config.channels for one in (channel.url, channel.token, channel.key) if one]
    assert len(secrets) == 5
    assert config.deadman_url is not None
    assert all(one.fingerprint() in guards for one in (*secrets, config.deadman_url))
    assert 'foreign_recipients = [\n  "C0000001",\n  "Uoncall1",\n]' in guards
    assert KEY not in guards


# ---------------------------------------------------------------- check


@pytest.mark.parametrize(("environment", "level"), [("production", "error"), ("staging", "warning")])
@pytest.mark.parametrize("missing", ["S1", "S2"])
def test_check__severity_without_a_route__said(house: House, missing: str, environment: str, level: str) -> None:
    house.replace('["S1", "S2"]', '["S2"]' if missing == "S1" else '["S1"]')
    if environment == "staging":
        house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    (line,) = (line for line in check(house.load(), {}) if "no route carries" in str(line.message))
    assert (line.level, f"no route carries {missing}," in str(line.message)) == (level, True)


def test_check__no_channels_at_all__both_severities_and_the_monitor_said(house: House) -> None:
    house.text = house.text[: house.text.index("[deadman]")]
    told = [str(line.message) for line in check(house.load(), {})]
    assert sum("no route carries" in line for line in told) == 2
    assert "deadman.url is not set: when this machine dies, nobody notices. Name an outside monitor's URL." in told


def test_check__channel_that_no_route_names__warned(house: House) -> None:
    unused = "notify.channels[new] is named by no route: nothing goes there."
    house.add(_channel(house, "webhook", ("url", "key")))
    assert unused in _warnings(house)
    house.add('[[notify.routes]]\nname = "more"\nseverities = ["S2"]\nchannels = ["dev"]\nescalate = ["new"]')
    assert unused not in _warnings(house)


@pytest.mark.parametrize(
    ("ways", "warned"),
    [
        ('channels = ["dev"]', True),
        ('channels = ["dev", "dev"]\nfallback = ["dev"]', True),
        ('channels = ["dev"]\nescalate = ["oncall"]', True),
        ('channels = ["dev"]\nfallback = ["oncall"]', False),
        ('channels = ["dev", "oncall"]', False),
    ],
)
def test_check__s1_with_a_single_way__warned(house: House, ways: str, *, warned: bool) -> None:
    house.add(f'[[notify.routes]]\nname = "lone"\nseverities = ["S1"]\n{ways}')
    assert any("notify.routes[lone]: S1 has only one way" in line for line in _warnings(house)) is warned


@pytest.mark.parametrize(
    ("key", "looser", "tighter"),
    [
        ("repeat_s1_minutes", 11, 9),
        ("repeat_s2_minutes", 61, 59),
        ("escalate_after", 4, 2),
        ("quiet_minutes", 31, 29),
        ("fallback_after_s", 301, 299),
        ("give_up_hours", 71, 73),
    ],
)
def test_check__figure_looser_than_its_default__warned(house: House, key: str, looser: int, tighter: int) -> None:
    house.replace("[deadman]", f"[notify]\n{key} = {looser}\n[deadman]")
    assert any(line.startswith(f"notify.{key} = {looser} is looser") for line in _warnings(house))
    house.replace(f"{key} = {looser}", f"{key} = {tighter}")
    assert not any("looser" in line for line in _warnings(house))


@pytest.mark.parametrize(("fallback", "warned"), [("", True), ('\nfallback = ["dev"]', False)])
def test_check__s2_only_where_messages_are_counted__warned(house: House, fallback: str, *, warned: bool) -> None:
    house.add(_channel(house, "line", ("token", "to")))
    house.add(f'[[notify.routes]]\nname = "few"\nseverities = ["S2"]\nchannels = ["new"]{fallback}')
    assert any("notify.routes[few]: S2 goes only where" in line for line in _warnings(house)) is warned


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ('channels = ["new"]\nfallback = ["new"]', "names the channel new twice"),
        ('channels = ["oncall"]', "S1 goes only where each message counts"),
    ],
)
def test_check__a_way_that_is_none__warned(house: House, route: str, words: str) -> None:
    house.replace("[deadman]", f"{_channel(house, 'webhook', ('url', 'key'))}[deadman]")
    house.replace("[deadman]", f'[[notify.routes]]\nname = "odd"\nseverities = ["S1"]\n{route}\n[deadman]')
    assert any(words in line for line in _warnings(house))


def test_check__two_channels_to_one_place__warned(house: House) -> None:
    for name in ("one", "two"):
        house.replace("[deadman]", f"{_channel(house, 'slack-app', ('token', 'to'), name)}[deadman]")
    house.replace(
        "[deadman]", '[[notify.routes]]\nname = "more"\nseverities = ["S2"]\nchannels = ["one", "two"]\n[deadman]'
    )
    (warned,) = [line for line in _warnings(house) if "lead to the same place" in line]
    assert warned.startswith("notify.channels: one and two lead")
