"""`ultrad doctor` with a daemon and without, with a sound file and a broken one: what it prints, how it ends."""

import io
import json
from dataclasses import replace

import pytest
from pyrage.x25519 import Identity
from rich.console import Console

from tests.cli.conftest import Desk, apart
from tests.fakes.daemon import FakeDaemon
from tests.fakes.operations import NOW
from ultrad import offline
from ultrad.cli import doctor
from ultrad.cli.place import find
from ultrad.cli.screen import Screen
from ultrad.core.events import Level, Origin
from ultrad.core.sights import Area, Sight
from ultrad.errors import Transient
from ultrad.i18n import Catalogue, msg

FINE = Sight(Area.PROBES, "alpha", Level.INFO, Origin.OUTSIDE, msg("alpha answers."), elapsed_ms=12)
CHANGE = Sight(
    Area.CHANGES, "", Level.INFO, Origin.CODE, msg("#1 started"), figures=(("at_ms", str(NOW.wall_ms)),)
)


@pytest.fixture
def prepared(desk: Desk) -> Desk:
    """A file with nothing to be said of, and a state directory."""
    (desk.home / "state").mkdir(mode=0o710)
    apart(offline.init, find(desk.config, {}).paths, "devnet", 0)
    text = desk.config.read_text(encoding="utf-8")
    second = f'[[chain.endpoints]]\nname = "b"\nhttp = "{desk.home}/other"\n[[positions]]'
    desk.config.write_text(text.replace("[[positions]]", second), encoding="utf-8")
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(f"""
[backup]
recipients = ["{Identity.generate().to_public()}"]
[[backup.targets]]
name = "outside"
kind = "s3"
bucket = "backups"
access_key = "{desk.home}/key"
secret_key = "{desk.home}/key"
""")
    for name, text in (("other", "http://[::1]:8546\n"), ("key", "a-key-of-a-bucket\n")):
        (desk.home / name).write_text(text, encoding="utf-8")
        (desk.home / name).chmod(0o600)
    return desk


def lines(out: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(out)["lines"]
    return found


def bad(out: str) -> list[tuple[object, object, object]]:
    return [(one["area"], one["subject"], one["level"]) for one in lines(out) if one["level"] != "info"]


# ---------------------------------------------------------------- through the daemon


@pytest.mark.parametrize(
    ("level", "code"),
    [(Level.INFO, 0), (Level.WARNING, 1), (Level.ALERT, 4), (Level.CRITICAL, 5), (Level.EMERGENCY, 5)],
)
def test_doctor__daemon_answers__ends_by_the_worst_line(
    prepared: Desk, daemon: FakeDaemon, level: Level, code: int
) -> None:
    daemon.operations.sights = (FINE, replace(FINE, subject="beta", level=level))
    ran = prepared.ultrad("doctor", "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["exit"], told["worst"]) == (code, code, level.label), bad(ran.out)
    assert ran.err == ""


def test_doctor__table__says_class_time_and_what_to_do(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.sights = (
        FINE,
        Sight(
            Area.CAPACITY, "state", Level.ALERT, Origin.INFRASTRUCTURE, msg("nothing is free"), msg("make room")
        ),
        Sight(Area.BACKUPS, "", Level.INFO, Origin.INFRASTRUCTURE, msg("nobody knows"), known=False),
        CHANGE,
    )
    ran = prepared.ultrad("doctor")
    assert ran.code == 4
    assert "1 of " in ran.out.splitlines()[0]
    (full,) = [line for line in ran.out.splitlines() if line.startswith("disk space state")]
    assert full.split() == [
        *("disk", "space", "state", "alert", "infrastructure", "–", "nothing", "is", "free", "make", "room")
    ]
    (probe,) = [line for line in ran.out.splitlines() if line.startswith("probes alpha")]
    assert "12 ms" in probe
    assert any(line.startswith("backups") and "unknown" in line for line in ran.out.splitlines())
    assert "2026-03-02 21:00:00: #1 started" in ran.out


def test_doctor__all_is_well__says_so(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.sights = (FINE,)
    ran = prepared.ultrad("doctor")
    assert ran.code in {0, 1}
    assert ran.code == 0, ran.out
    assert ran.out.startswith("All ")


def test_doctor__the_daemon_is_of_another_version__is_a_warning(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.shown = replace(daemon.operations.shown, version="0.0.9")
    ran = prepared.ultrad("doctor", "--json")
    assert (ran.code, bad(ran.out)) == (1, [("service", "", "warning")])


def test_doctor__the_daemon_refuses__is_an_alert(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.error = Transient(msg("not now"))
    ran = prepared.ultrad("doctor", "--json")
    assert (ran.code, bad(ran.out)) == (4, [("service", "", "alert")])


# ---------------------------------------------------------------- without


def test_doctor__no_daemon__critical_and_looks_at_the_rest(prepared: Desk) -> None:
    ran = prepared.ultrad("doctor", "--json")
    assert ran.code == 5
    assert {"stop", "probes", "capacity", "clock", "backups", "logs", "alerts"} <= {
        str(one["area"]) for one in lines(ran.out)
    }
    found = bad(ran.out)
    assert ("service", "", "critical") in found
    assert {("probes", name, "alert") for name in ("a", "b", "http")} <= set(found)


def test_doctor__no_daemon_and_the_flag_stands__says_that_the_stop_is_on(prepared: Desk) -> None:
    prepared.flag.touch()
    assert ("stop", "", "alert") in bad(prepared.ultrad("doctor", "--json").out)


def test_doctor__nothing_was_ever_prepared__says_what_is_missing(desk: Desk) -> None:
    found = bad(desk.ultrad("doctor", "--json").out)
    assert ("files", "", "alert") in found
    assert ("capacity", "state", "warning") in found
    assert ("changes", "", "warning") in found


@pytest.mark.parametrize("text", ["", "[[[", 'environment = "devnet"\n[chain]\nnetwork = "mars"\n'])
def test_doctor__a_broken_file_and_no_daemon__names_the_mistakes_and_ends_by_them(
    prepared: Desk, text: str
) -> None:
    prepared.config.write_text(text, encoding="utf-8")
    ran = prepared.ultrad("doctor", "--json")
    assert ran.code == 5
    assert ("config", "", "alert") in bad(ran.out)


def test_doctor__a_file_broken_under_a_running_daemon__is_an_alert(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.sights = (FINE,)
    text = prepared.config.read_text(encoding="utf-8")
    prepared.config.write_text(text + "[limits]\nwarn_hf = 99\n", encoding="utf-8")
    ran = prepared.ultrad("doctor", "--json")
    assert ran.code == 4
    assert [one for one in bad(ran.out) if one[0] == "config"] == [("config", "", "alert")]


def test_doctor__secrets_that_this_user_may_not_read__are_no_fault(prepared: Desk, daemon: FakeDaemon) -> None:
    daemon.operations.sights = (FINE,)
    (prepared.home / "url").unlink()
    ran = prepared.ultrad("doctor", "--json")
    assert (ran.code, bad(ran.out)) == (0, [])
    (secrets,) = [one for one in lines(ran.out) if one["subject"] == "secrets"]
    assert secrets["known"] is False


def test_doctor__a_channel_that_can_be_read_alone__is_checked(prepared: Desk) -> None:
    (prepared.home / "key").write_text("k" * 32, encoding="utf-8")
    (prepared.home / "hook").write_text("http://127.0.0.1:1/hook", encoding="utf-8")
    for name in ("key", "hook"):
        (prepared.home / name).chmod(0o600)
    with prepared.config.open("a", encoding="utf-8") as file:
        file.write(
            f'[[notify.channels]]\nname = "hook"\nkind = "webhook"\nurl = "{prepared.home}/hook"\n'
            f'key = "{prepared.home}/key"\n[http]\nprot = 3\n'
        )
    ran = prepared.ultrad("doctor", "--json")
    assert ("channels", "hook", "warning") in bad(ran.out)
    assert "127.0.0.1:1/hook" not in ran.out


@pytest.mark.parametrize("width", [80, 150])
def test_doctor__a_terminal_and_sentences_without_spaces__shows_them_whole(desk: Desk, width: int) -> None:
    said = "このマシンが停止しても誰も気付きません" * 8
    out = io.StringIO()
    screen = Screen(Catalogue("en"), find(desk.config, {}).zone, out, out)
    shown = doctor.view((replace(FINE, message=msg("{text}", text=said), remedy=msg("直す")),), screen.when)

    Console(file=out, width=width, color_system=None, legacy_windows=False).print(screen.drawn(shown))

    whole = "".join(out.getvalue().split())
    assert "…" not in whole
    assert sum(one in said for one in whole) >= len(said)
