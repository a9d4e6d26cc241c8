"""The status page, as HTML that a parser reads back."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.fakes.operations import ACCOUNT, ON, finding, incident, job, reading, recorded, status
from tests.web.rig import ZONE, http
from ultrad.core.estop import Mode
from ultrad.core.events import Level, Severity
from ultrad.core.incidents import Stage
from ultrad.core.limits import Limits
from ultrad.core.status import STAGE_WORDS, ChannelLine, PositionStatus, Status
from ultrad.i18n import LANGUAGES, Language, catalogue, msg
from ultrad.units import WAD, Bps
from ultrad.web.html import Html, el, join
from ultrad.web.page import page
from ultrad.web.table import MOST_ROWS
from ultrad.web.words import Words

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


class Reader(HTMLParser):
    """Collects elements and text."""

    def __init__(self, body: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def all(self) -> str:
        return " ".join(self.text)


def read(shown: Status, language: Language = "en") -> Reader:
    reader = Reader(page(shown, Limits(), Words(catalogue(language), ZONE)))
    assert not reader.open  # every element is closed, in order
    return reader


@pytest.mark.parametrize("language", LANGUAGES)
def test_page__hostile_text_everywhere__stays_text(language: Language) -> None:
    evil = msg("{text}", text=EVIL)
    shown = replace(
        status(),
        version=EVIL,
        environment=EVIL,
        network=EVIL,
        estop=replace(ON, causes=(replace(ON.causes[0], message=evil, by=EVIL),), shut_by=(EVIL,)),
        positions=(PositionStatus(EVIL, EVIL, reading(), Bps(1)),),
        endpoints=tuple(replace(one, name=EVIL, reason=evil) for one in status().endpoints),
        findings=(finding(EVIL),),
        incidents=(replace(incident(), message=evil, by=EVIL, code=EVIL, subject=EVIL),),
        channels=(ChannelLine(EVIL, 1, evil, None, 0, None),),
        parts=tuple(replace(one, name=EVIL) for one in status().parts),
        jobs=(replace(job(EVIL), last_message=evil),),
        journal=replace(status().journal, trouble=evil),
        loosened=(evil,),
        recent=(recorded(message=evil),),
    )
    reader = read(shown, language)
    assert not {"script", "img"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.all.count(EVIL) >= 16


@pytest.mark.parametrize("language", LANGUAGES)
def test_page__language__is_declared(language: Language) -> None:
    assert ("lang", language) in read(status(), language).attributes


def test_page__estop_on__is_the_first_thing_said_with_its_causes() -> None:
    reader = read(replace(status(), estop=ON))
    assert "ESTOP ON · ultrad staging" in reader.text
    assert "ESTOP ON" in reader.text
    assert "main: the health factor fell to 1.5845" in reader.all
    assert "Since 2026-03-02 20:59:00" in reader.text


@pytest.mark.parametrize(
    ("mode", "shut_by", "title", "colour"),
    [
        (Mode.OFF, (), "ESTOP OFF", "estop good"),
        (Mode.OFF, ("no reading",), "ESTOP OFF", "estop warn"),
        (Mode.OVERRIDDEN, (), "ESTOP OVERRIDDEN", "estop warn"),
        (Mode.ON, ("estop",), "ESTOP ON", "estop bad"),
    ],
)
def test_page__mode__has_its_words_and_colour(
    mode: Mode, shut_by: tuple[str, ...], title: str, colour: str
) -> None:
    estop = replace(status().estop, mode=mode, shut_by=shut_by, override_ends_ms=1_772_454_600_000)
    reader = read(replace(status(), estop=estop))
    assert title in reader.text
    assert ("class", colour) in reader.attributes
    assert "The override ends at 2026-03-02 21:30:00" in reader.text


def test_page__position__shows_how_far_its_value_may_fall() -> None:
    shown = replace(status(), positions=(PositionStatus("main", ACCOUNT, reading(hf=2 * WAD), Bps(-250)),))
    reader = read(shown)
    at = reader.text.index("Value may fall before the warning")
    assert reader.text[at + 1] == "10.00%"
    at = reader.text.index("Value may fall before the stop")
    assert reader.text[at + 1] == "20.00%"
    assert {"2.0000", "0xAbCd…EF01", "$25,000.00", "$11,000.00", "-2.50%"} <= set(reader.text)


@pytest.mark.parametrize(
    ("hf", "colour", "room"),
    [
        (1_600_000_000_000_000_000, "hf bad", "0.00%"),
        (1_800_000_000_000_000_000, "hf warn", "11.11%"),
        (1_800_000_000_000_000_001, "hf good", "11.11%"),
        (0, "hf bad", "0.00%"),
        (2**256 - 1, "hf good", "∞"),
    ],
)
def test_page__health_factor__is_coloured_by_its_limits(hf: int, colour: str, room: str) -> None:
    reader = read(replace(status(), positions=(PositionStatus("main", ACCOUNT, reading(hf=hf), None),)))
    assert ("class", colour) in reader.attributes
    assert reader.text[reader.text.index("Value may fall before the stop") + 1] == room


def test_page__nothing_read_or_run_yet__says_so_instead_of_figures() -> None:
    fresh = replace(job(), last_ok=None, last_message=None, last_started_ms=None, next_ms=None)
    shown = replace(
        status(),
        positions=(PositionStatus("main", ACCOUNT, None, None),),
        reading_age_ms=None,
        findings=(),
        jobs=(
            fresh,
            replace(fresh, running=True),
            replace(fresh, enabled=False),
            replace(fresh, last_ok=False),
        ),
        loosened=(),
        recent=(),
    )
    reader = read(shown)
    said = {"Not read yet.", "Nothing is wrong.", "not run yet", "running", "switched off", "failed"}
    assert said <= set(reader.text)


def test_page__findings__worst_first_and_bounded() -> None:
    many = (finding("mild"), *(finding(f"number {at}", Level.ALERT) for at in range(MOST_ROWS)))
    reader = read(replace(status(), findings=(*many, finding("worst", Level.EMERGENCY))))
    assert reader.text.index("worst") < reader.text.index("number 0")
    assert "mild" not in reader.text
    assert "… and 2 more: see ultrad status" in reader.text


def test_page__many_positions__those_nearest_to_their_limits_come_first() -> None:
    safe = tuple(PositionStatus(f"safe {at}", ACCOUNT, reading(), None) for at in range(MOST_ROWS))
    near = PositionStatus("near", ACCOUNT, reading(hf=WAD), None)
    unread = PositionStatus("unread", ACCOUNT, None, None)
    reader = read(replace(status(), positions=(*safe, near, unread)))
    assert reader.all.index("unread") < reader.all.index("near") < reader.all.index("safe 0")
    assert f"safe {MOST_ROWS - 2}" not in reader.all
    assert "… and 2 more: see ultrad status" in reader.text


def test_page__incidents__say_how_grave_who_has_them_and_whether_they_stand() -> None:
    grave = replace(incident(7), severity=Severity.S1, stage=Stage.ACKNOWLEDGED, stands=False, by="sato")
    reader = read(replace(status(), incidents=(grave, incident(3))))
    at = reader.text.index("7")
    assert reader.text[at : at + 7] == [
        "7",
        "S1",
        "taken on",
        "over",
        "The channel line takes no notices.",
        "sato",
        "2026-03-02 20:59:00",
    ]
    assert reader.text[reader.text.index("3") + 1 :][:3] == ["S2", "open", "there"]
    assert ("class", "tight bad") in reader.attributes


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("language", LANGUAGES)
def test_page__every_stage__has_a_word_in_each_language(stage: Stage, language: Language) -> None:
    shown = replace(status(), incidents=(replace(incident(), stage=stage),))
    assert catalogue(language)(STAGE_WORDS[stage]) in read(shown, language).text


def test_page__channels__say_which_takes_nothing_and_why() -> None:
    reader = read(status())
    at = reader.text.index("infra")
    assert reader.text[at : at + 5] == ["infra", "works", "2026-03-02 20:59:55", "0", "–"]
    at = reader.text.index("line")
    assert reader.text[at : at + 6] == ["line", "takes nothing", "–", "2", "12", "no answer in 15 s"]


def test_page__no_incident_and_no_channel__says_so() -> None:
    reader = read(replace(status(), incidents=(), channels=()))
    assert "No incident is open." in reader.text
    assert "No channel is configured: nobody is told of anything." in reader.text


async def test_page__served__forbids_scripts_and_loads_nothing() -> None:
    async with http() as server:
        answer = await server.ask("GET", "/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    reader = Reader(answer.body)
    assert [value for name, value in reader.attributes if name in ("src", "href")] == ["data:,"]
    assert ("http-equiv", "refresh") in reader.attributes


def test_html__attributes_and_text__are_escaped_and_html_is_not() -> None:
    inside = join(el("b", "<"), None, "&")
    assert el("p", inside, Html("<hr>"), class_='"x"') == '<p class="&quot;x&quot;"><b>&lt;</b>&amp;<hr></p>'
