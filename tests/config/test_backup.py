from pathlib import Path

import pytest

from tests.config.conftest import House
from ultrad.config import check, vaults
from ultrad.config.backup import targets_of
from ultrad.errors import Fatal

RECIPIENT = "age1ss25m52a55p2vqmjejahnvfcvy5s3xwtjtg8rys89drx8l6a5pcqxarxkx"
LOCAL = '[[backup.targets]]\nname = "local"\nkind = "directory"\npath = "/var/backups/ultrad"\n'
OUTSIDE = (
    '[[backup.targets]]\nname = "outside"\nkind = "s3"\nbucket = "ultrad-backups"\nprefix = "team/production"\n'
    'endpoint = "https://s3.example.com"\naccess_key = "{access}"\nsecret_key = "{secret}"\n'
)


def _outside(house: House) -> str:
    return OUTSIDE.format(access=house.secret("access", "AKIA"), secret=house.secret("secret", "s" * 40))


def _backup(house: House, *targets: str, more: str = f'recipients = ["{RECIPIENT}"]\n') -> House:
    return house.add("[backup]\n" + more + "".join(targets))


def _words(house: House) -> list[str]:
    return [
        str(line.message)
        for line in check(house.load(), {})
        if "backup" in str(line.message).lower() and "is valid" not in str(line.message)
    ]


def test_backup__both_kinds__load_with_their_secrets(house: House) -> None:
    config = _backup(house, LOCAL, _outside(house)).load()
    local, outside = targets_of(config.settings.backup, config.secrets)
    assert (local.encrypted, local.access_key) == (False, None)
    assert outside.encrypted
    assert outside.secret_key is not None
    assert outside.secret_key.reveal() == "s" * 40
    assert (config.settings.backup.keep_days, config.settings.backup.keep_months) == (30, 6)
    assert _words(house) == [
        "backups go to local, outside; kept for 30 days, the first of each month for 6 months.",
        (
            "backup.drill_key is not set: restore drills compare encrypted backups with what was brought there, "
            "and open none."
        ),
    ]


def test_backup__none_or_only_here__is_warned_of(house: House) -> None:
    assert "NO BACKUP" in _words(house)[0]
    assert "outside this machine" in _words(_backup(house, LOCAL))[1]


@pytest.mark.parametrize(
    ("target", "more", "said"),
    [
        (LOCAL + LOCAL, "", "stands more than once"),
        (LOCAL.replace('path = "/var/backups/ultrad"\n', ""), "", "backup.targets[local].path is missing"),
        (LOCAL + 'bucket = "abc"\n', "", 'backup.targets[local].bucket is not used by kind = "directory"'),
        (LOCAL + "encrypted = true\n", "", "backup.recipients is empty"),
        (LOCAL.replace("directory", "ftp"), "", "backup.targets"),
        (LOCAL, 'recipients = ["age1short"]\n', "age recipient"),
        (LOCAL, "keep_days = 3\n", "keep_days"),
    ],
)
def test_backup__mistake__is_told(house: House, target: str, more: str, said: str) -> None:
    assert said in _backup(house, target, more=more).only_mistake()


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("https://s3.example.com", "http://s3.example.com", "https://"),
        ("https://s3.example.com", "https://u:p@s3.example.com", "https://"),
        ("https://s3.example.com", "https://s3.example.com/path", "https://"),
        ("https://s3.example.com", "https://s3.example.com:99999", "https://"),
        ("team/production", "/team/", "folder"),
        ("ultrad-backups", "UPPER", "bucket"),
    ],
)
def test_backup__what_cannot_be_meant__is_told(house: House, was: str, becomes: str, said: str) -> None:
    assert said in _backup(house, _outside(house).replace(was, becomes)).only_mistake()


def test_backup__bucket_on_this_machine__may_do_without_tls(house: House) -> None:
    _backup(house, _outside(house).replace("https://s3.example.com", "http://127.0.0.1:9000/")).load()


def test_backup__to_a_bucket_without_a_recipient__is_refused(house: House) -> None:
    assert "backup.recipients is empty" in _backup(house, _outside(house), more="").only_mistake()


def test_backup__drill_key_that_is_none__is_told_without_it(house: House) -> None:
    key = house.secret("drill", "age1notaprivatekey")
    said = _backup(house, LOCAL, more=f'drill_key = "{key}"\n').only_mistake()
    assert "is no age identity" in said
    assert "age1notaprivatekey" not in said


# ---------------------------------------------------------------- what a restore needs


def test_vaults__other_secrets_missing__are_there_all_the_same(house: House, tmp_path: Path) -> None:
    _backup(house, LOCAL, _outside(house))
    house.path.write_text(house.text, encoding="utf-8")
    assert not vaults(house.path, {}).faulty
    (tmp_path / "a").unlink()
    found = vaults(house.path, {})
    assert found.faulty
    assert [one.section.name for one in found.targets] == ["local", "outside"]


def test_vaults__their_own_secret_missing__is_told(house: House, tmp_path: Path) -> None:
    _backup(house, _outside(house))
    house.path.write_text(house.text, encoding="utf-8")
    (tmp_path / "secret").unlink()
    with pytest.raises(Fatal, match="secret_key"):
        vaults(house.path, {})
