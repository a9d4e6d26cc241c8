"""Where secrets may lie, and that nothing shows them."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from tests.config.conftest import KEY, House
from ultrad.config.secret import MAX_SECRET_BYTES, Secret, read_secret
from ultrad.errors import Permanent

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def _objection(reference: Path | str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(Permanent) as caught:
        read_secret(str(reference), environ or {})
    assert KEY not in str(caught.value) + repr(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_read_secret__file_for_its_owner_alone__read(house: House, mode: int) -> None:
    assert read_secret(str(house.secret("s", KEY, mode)), {}).reveal() == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o610, 0o660, 0o666, 0o601])
def test_read_secret__file_that_others_reach__refused(house: House, mode: int) -> None:
    objection = _objection(house.secret("s", KEY, mode))
    assert f"mode {mode:04o}" in objection
    assert "chmod 600" in objection


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_read_secret__link__counts_as_its_target(house: House, mode: int) -> None:
    link = house.directory / "link"
    link.symlink_to(house.secret("s", KEY, mode))
    if mode == 0o600:
        assert read_secret(str(link), {}).reveal() == KEY
    else:
        assert "mode 0644" in _objection(link)


@ROOT_ONLY
def test_read_secret__file_of_another_user__refused(house: House) -> None:
    file = house.secret("s", KEY)
    os.chown(file, 12345, 12345)
    assert "another user (uid 12345)" in _objection(file)


def test_read_secret__no_regular_file__refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "regular file" in _objection(pipe)
    assert "cannot be read" in _objection(tmp_path / "none")
    assert str(tmp_path) in _objection(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"two\nlines", b"two words", b"caf\xc3\xa9", b"\x00", b"x" * (MAX_SECRET_BYTES + 1)]
)
def test_read_secret__not_one_plain_line__refused(house: House, content: bytes) -> None:
    file = house.secret("s", KEY)
    file.write_bytes(content)
    objection = _objection(file)
    assert "one line" in objection or "empty" in objection


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "  \n"])
def test_read_secret__white_space_around__dropped(house: House, end: str) -> None:
    file = house.secret("s", KEY)
    file.write_text(KEY + end)
    assert read_secret(str(file), {}).reveal() == KEY


@pytest.mark.parametrize("phrase", ["correct horse battery staple", " 猫 の パスフレーズ ", "caf\u00e9"])
def test_read_secret__phrase__as_the_person_wrote_it(house: House, phrase: str) -> None:
    file = house.secret("s", KEY)
    file.write_text(f"{phrase}\n", encoding="utf-8")
    assert read_secret(str(file), {}, phrase=True).reveal() == phrase


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff", b"\x00", b"x" * (MAX_SECRET_BYTES + 1)])
def test_read_secret__phrase_that_is_no_line_of_text__refused(house: House, content: bytes) -> None:
    file = house.secret("s", KEY)
    file.write_bytes(content)
    with pytest.raises(Permanent, match=r"one line|empty"):
        read_secret(str(file), {}, phrase=True)


@pytest.mark.parametrize(
    ("mode", "good"), [(0o400, True), (0o440, True), (0o600, True), (0o444, False), (0o460, False)]
)
def test_read_secret__credential__by_name_as_systemd_leaves_it(house: House, mode: int, *, good: bool) -> None:
    house.secret("rpc-a", KEY, mode)
    environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    if good:
        assert read_secret("rpc-a", environ).reveal() == KEY
    else:
        assert "others can reach" in _objection("rpc-a", environ)


def test_read_secret__credential_without_systemd__says_what_to_do() -> None:
    assert "LoadCredential=rpc-a:FILE" in _objection("rpc-a")


@pytest.mark.parametrize("reference", ["../x", "/a/../b", "a/b", ".hidden", "", "/tmp/a\nb", "a b", "~/.rpc"])  # noqa: S108
def test_load__reference_that_names_no_secret__refused(house: House, reference: str) -> None:
    house.replace(f'http = "{house.b}"', f"http = {reference!r}".replace("'", '"'))
    assert "chain.endpoints[b].http = (hidden) names no secret" in house.only_mistake()


def test_load__secret_itself_as_the_reference__refused_without_echo(house: House) -> None:
    house.replace(f'http = "{house.b}"', f'http = "{KEY}"')
    assert "chain.endpoints[b].http = (hidden) looks like the secret itself" in house.only_mistake()


def test_secret__however_it_is_shown__hidden() -> None:
    secret = Secret("/run/x", KEY)
    for told in (repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret]), "%s" % secret):  # noqa: UP031
        assert KEY not in told
        assert "/run/x" in told
    assert not hasattr(secret, "__dict__")


def test_secret__copied_or_written_out__refused() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("x", KEY))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret("x", KEY))


def test_secret__compared__by_value() -> None:
    secret = Secret("x", KEY)
    assert secret == Secret("y", KEY)
    assert hash(secret) == hash(Secret("y", KEY))
    assert secret != Secret("x", KEY + "1")
    assert secret != KEY
    assert secret.matches(KEY)
    assert not secret.matches(KEY + "\udcff")


def test_secret__fingerprint__is_the_sha256_of_the_value() -> None:
    assert Secret("x", "abc").fingerprint() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_load__loaded__no_secret_in_any_repr(house: House) -> None:
    config = house.load()
    assert KEY not in repr(config)
    assert KEY not in repr(config.endpoints) + str(config.settings)


def test_read_secret__credential_from_a_directory_loaded_whole__found_by_its_file_name(house: House) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(house.directory)}
    for better, name in enumerate(("plain_token", "encrypted_token", "token")):
        house.secret(name, f"{KEY}{better}")
        found = read_secret("token", environ)
        assert (found.reference, found.reveal()) == ("token", f"{KEY}{better}")


def test_read_secret__credential_that_is_nowhere__told_by_its_own_name(house: House) -> None:
    objection = _objection("token", {"CREDENTIALS_DIRECTORY": str(house.directory)})
    assert f"{house.directory}/token" in objection
