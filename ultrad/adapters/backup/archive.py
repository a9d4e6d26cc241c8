"""Archives: files in one tar, compressed with zstd, and encrypted with age where they leave the machine.

The manifest is the last file, because each file is hashed as it is packed. What is unpacked is held against it.
Everything here blocks and streams: an archive may be larger than the memory.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import pyrage
import zstandard

from ultrad.core.backups import FORMAT, FileFacts, Manifest, Spoilt
from ultrad.core.wire import from_json, to_json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg

MANIFEST = "manifest.json"
LEVEL = 3
"""zstd's own default: a third of the journal's size, faster than most disks."""
CHUNK = 1024 * 1024
MAX_FILES = 100
MAX_MANIFEST_BYTES = 1_000_000


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self.digest.update(part)
        return part


def pack(files: Mapping[str, Path], manifest: Manifest, target: Path) -> Manifest:
    """Pack files under their names, and the manifest of them. Answers it. Raises Transient."""
    with _disk(target):
        facts: list[FileFacts] = []
        with target.open("xb") as raw:
            with (
                zstandard.ZstdCompressor(LEVEL, write_checksum=True).stream_writer(raw, closefd=False) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar,
            ):
                for name, path in files.items():
                    with path.open("rb") as file:
                        size = os.fstat(file.fileno()).st_size
                        hashing = _Hashing(file)
                        tar.addfile(_member(name, size, manifest.at_ms), hashing)
                    facts.append(FileFacts(name, size, hashing.digest.hexdigest()))
                manifest = replace(manifest, files=tuple(facts))
                content = json.dumps(to_json(manifest), ensure_ascii=False, indent=1).encode()
                tar.addfile(_member(MANIFEST, len(content), manifest.at_ms), io.BytesIO(content))
            raw.flush()
            os.fsync(raw.fileno())
    return manifest


def _member(name: str, size: int, at_ms: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, at_ms // 1_000, 0o600
    return member


def unpack(archive: Path, directory: Path | None) -> Manifest:
    """Unpack into a directory, or nowhere, and hold each file against the manifest. Answers it.

    Raises Spoilt where it is damaged or none, Permanent where it is of a later version, Transient where a disk
    refuses.
    """
    try:
        with _disk(archive):
            found, manifest = _unpack(archive, directory)
    except (tarfile.TarError, zstandard.ZstdError, ValueError, EOFError) as error:
        raise _damaged(str(error) or type(error).__name__) from error
    if manifest.format != FORMAT:
        raise Permanent(
            msg(
                "The archive is of the format {found}, and this version reads {known}: take version {version}.",
                found=manifest.format,
                known=FORMAT,
                version=manifest.version,
            )
        )
    told = {one.name: one for one in manifest.files}
    for name in sorted(told.keys() | found.keys()):
        if told.get(name) != found.get(name):
            raise _damaged(msg("{name} is not as its manifest says", name=name))
    return manifest


def _unpack(archive: Path, directory: Path | None) -> tuple[Mapping[str, FileFacts], Manifest]:
    found: dict[str, FileFacts] = {}
    with (
        archive.open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=False) as packed,
        tarfile.open(fileobj=packed, mode="r|", bufsize=CHUNK) as tar,
    ):
        for member in tar:
            name, content = PurePosixPath(member.name), tar.extractfile(member)
            if not member.isreg() or content is None or name.is_absolute() or ".." in name.parts:
                raise ValueError(f"it holds {member.name!r}, which is no plain file")
            if member.name == MANIFEST:
                text = content.read(MAX_MANIFEST_BYTES)
                with _sink(directory, MANIFEST) as sink:
                    sink.write(text)
                return found, from_json(Manifest, json.loads(text))
            if member.name in found or len(found) >= MAX_FILES:
                raise ValueError("it holds a file twice, or too many")
            found[member.name] = _take(content, member, directory)
    raise ValueError("it holds no manifest")


def _take(content: IO[bytes], member: tarfile.TarInfo, directory: Path | None) -> FileFacts:
    digest, size = hashlib.sha256(), 0
    with _sink(directory, member.name) as sink:
        while part := content.read(CHUNK):
            digest.update(part)
            size += len(part)
            sink.write(part)
    if size != member.size:
        raise ValueError(f"{member.name} is cut off")
    return FileFacts(member.name, size, digest.hexdigest())


@contextmanager
def _sink(directory: Path | None, name: str) -> Iterator[IO[bytes]]:
    if directory is None:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            yield nowhere
        return
    path = directory / name
    path.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    with open(path, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and length of a file. Raises Transient."""
    with _disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it, as far as that goes."""
    shutil.rmtree(path, ignore_errors=True)


# ---------------------------------------------------------------- encryption


def encrypt(archive: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt for age recipients, any of whom can read it. Raises Transient."""
    keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    with _disk(target), archive.open("rb") as plain, target.open("xb") as file:
        try:
            pyrage.encrypt_io(plain, file, keys)
        except pyrage.EncryptError as error:  # what our files raise comes back as text
            raise OSError(str(error)) from None
        file.flush()
        os.fsync(file.fileno())


def decrypt(archive: Path, target: Path, identity: str) -> None:
    """Decrypt with an age identity. Raises Permanent where it is the wrong one, or the archive is damaged."""
    try:
        key = pyrage.x25519.Identity.from_str(identity)
    except pyrage.IdentityError:
        raise Permanent(msg("That is no age identity: it begins with AGE-SECRET-KEY-1.")) from None
    with _disk(target), archive.open("rb") as file, target.open("xb") as plain:
        try:
            pyrage.decrypt_io(file, plain, [key])
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # pyrage's own, for damage, have none
                raise
            raise Permanent(
                msg("It cannot be decrypted: the age identity is not one of its recipients', or it is damaged.")
            ) from None


# ---------------------------------------------------------------- what goes wrong


def _damaged(why: Message | str) -> Spoilt:
    return Spoilt(msg("The archive is damaged: {why}.", why=why))


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Transient(
            msg(
                "{path} cannot be read or written: {reason}.",
                path=str(path),
                reason=error.strerror or str(error) or type(error).__name__,
            )
        ) from error
