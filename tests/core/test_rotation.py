"""The replacement of keys: each item in every way it can stand."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ultrad.core import rotation
from ultrad.core.checklist import Mark
from ultrad.core.items import ItemLine
from ultrad.core.procedure import Answer, Answered, Kind, Procedure
from ultrad.core.rotation import ACCOUNT, IN_USE, PASSPHRASE, WALLET, Reply, SecretLook
from ultrad.i18n import msg
from ultrad.units import Now

NOW = Now(wall_ms=1_772_452_800_000, steady_ms=5_000_000)
KEYS = ("chain.endpoints[a].http", WALLET, PASSPHRASE, "notion.token")
OLD_ACCOUNT, NEW_ACCOUNT = "0x" + "e5" * 20, "0x" + "70" * 20
PROCEDURE = Procedure(
    1,
    Kind.ROTATION,
    "taro",
    "a leak",
    NOW,
    rotation.items_of(KEYS),
    (("notion.token", "aaaa"), (ACCOUNT, OLD_ACCOUNT)),
)
LOOK = SecretLook("notion.token", msg("Notion token"), "/x", "0600", 5, tag="bbbb")


def found(
    item: str,
    look: SecretLook | None = LOOK,
    running: Mapping[str, str] | None = None,
    account: str | None = OLD_ACCOUNT,
    procedure: Procedure = PROCEDURE,
) -> tuple[Mark, str]:
    looks = {} if look is None else {look.key: look}
    (line,) = [one for one in rotation.lines(procedure, looks, running or {}, account) if one.name == item]
    return line.mark, str(line.message)


def test_items__each_secret_twice_but_the_passphrase__and_what_is_asked_once() -> None:
    items = rotation.items_of(KEYS)
    assert items[:4] == tuple(f"new:{key}" for key in KEYS)
    assert f"old:{PASSPHRASE}" not in items
    assert set(rotation.QUESTIONS) < set(items)


@pytest.mark.parametrize(
    ("look", "mark", "says"),
    [
        (None, Mark.ASK, "does not name it any more"),
        (replace(LOOK, problem=msg("others can reach it")), Mark.FAIL, "others can reach it"),
        (replace(LOOK, hidden=True, tag=None), Mark.ASK, "Not looked at"),
        (replace(LOOK, new=Reply.REFUSED), Mark.FAIL, "refuses the one that is in place"),
        (replace(LOOK, tag=None), Mark.ASK, "Make a new one"),
        (replace(LOOK, tag="aaaa"), Mark.ASK, "the same as when this began"),
        (replace(LOOK, new=Reply.ACCEPTED), Mark.PASS, "the service takes it"),
        (replace(LOOK, new=Reply.UNKNOWN), Mark.PASS, "another one than when this began"),
    ],
)
def test_new__by_what_is_in_place(look: SecretLook | None, mark: Mark, says: str) -> None:
    stands, message = found("new:notion.token", look)
    assert stands is mark
    assert says in message


@pytest.mark.parametrize(
    ("look", "mark", "says"),
    [
        (None, Mark.ASK, "--old notion.token=FILE"),
        (LOOK, Mark.ASK, "--old notion.token=FILE"),
        (replace(LOOK, old=Reply.REFUSED), Mark.PASS, "refuses the old one"),
        (replace(LOOK, old=Reply.ACCEPTED), Mark.FAIL, "still takes the old one"),
        (replace(LOOK, old=Reply.UNKNOWN), Mark.ASK, "neither yes nor no"),
    ],
)
def test_old__by_what_the_service_says(look: SecretLook | None, mark: Mark, says: str) -> None:
    stands, message = found("old:notion.token", look)
    assert stands is mark
    assert says in message


def test_wallet__only_another_account_helps() -> None:
    look = replace(LOOK, key=WALLET, tag="cccc")
    assert found(f"new:{WALLET}", look) == (Mark.ASK, found(f"new:{WALLET}", look)[1])
    assert "0xe5e5…e5e5" in found(f"new:{WALLET}", look)[1]
    mark, message = found(f"new:{WALLET}", look, account=NEW_ACCOUNT)
    assert (mark, NEW_ACCOUNT not in message) == (Mark.PASS, True)
    assert found(f"new:{WALLET}", look, account=None)[0] is Mark.ASK
    assert "0xe5e5…e5e5" in found(f"old:{WALLET}", look, account=NEW_ACCOUNT)[1]
    bare = replace(PROCEDURE, base=())
    assert "?" in found(f"old:{WALLET}", look, account=None, procedure=bare)[1]


def test_in_use__the_daemon_must_run_with_what_is_in_place() -> None:
    assert found(IN_USE)[0] is Mark.ASK
    assert found(IN_USE, None, {"notion.token": "bbbb"})[0] is Mark.ASK
    mark, message = found(IN_USE, running={"notion.token": "aaaa"})
    assert (mark, "notion.token" in message) == (Mark.FAIL, True)
    assert found(IN_USE, running={"notion.token": "bbbb"})[0] is Mark.PASS
    same = replace(LOOK, tag="aaaa")
    mark, message = found(IN_USE, same, {"notion.token": "aaaa"})
    assert (mark, "First put the new ones" in message) == (Mark.ASK, True)
    kept = Answered("new:notion.token", Answer.NOT_NEEDED, "hanako", "it was never here", NOW)
    said = replace(PROCEDURE, answers=(kept,))
    assert found(IN_USE, same, {"notion.token": "aaaa"}, procedure=said)[0] is Mark.PASS


def test_answers__stand_before_what_is_seen_but_a_failure_gives_way_to_a_pass() -> None:
    def said(answer: Answer, text: str = "") -> Procedure:
        return replace(PROCEDURE, answers=(Answered("old:notion.token", answer, "hanako", text, NOW),))

    assert found("old:notion.token", procedure=said(Answer.DONE)) == (Mark.PASS, "done (hanako)")
    assert found("old:notion.token", procedure=said(Answer.FAILED, "no")) == (Mark.FAIL, "failed (hanako): no")
    refused = replace(LOOK, old=Reply.REFUSED)
    assert found("old:notion.token", refused, procedure=said(Answer.FAILED, "no"))[0] is Mark.PASS
    assert found("logs")[0] is Mark.ASK


def test_answers__what_was_checked_stands_until_it_is_seen_to_be_otherwise() -> None:
    checked = replace(PROCEDURE, answers=(Answered("old:notion.token", Answer.CHECKED, "hanako", "refused", NOW),))
    assert found("old:notion.token", procedure=checked) == (Mark.PASS, "checked (hanako): refused")
    taken = replace(LOOK, old=Reply.ACCEPTED)
    mark, message = found("old:notion.token", taken, procedure=checked)
    assert (mark, "still takes" in message) == (Mark.FAIL, True)


def test_what_of__every_kind_has_a_word() -> None:
    words = {str(rotation.what_of(key)) for key in (*KEYS, "deadman.url", "backups[x].key", "strange")}
    assert len(words) == 7
    looks = rotation.unseen(PROCEDURE)
    assert tuple(looks) == KEYS
    assert {one.mark for one in rotation.lines(PROCEDURE, looks, {}, None)} == {Mark.ASK}
    assert isinstance(rotation.lines(PROCEDURE, {}, {}, None)[0], ItemLine)
