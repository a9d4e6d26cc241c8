"""Where backups lie: a directory, or a bucket of an S3-compatible service, both through fsspec.

An archive is uploaded under another name, read back, and only then renamed; its receipt is written last. So
whatever dies in between, what has a receipt was whole. Everything here blocks.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultrad.adapters.outside import Scrubber
from ultrad.core.backups import PART, RECEIPT, Backup, Receipt, Spoilt, inventory, receipt_json, receipt_of
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.i18n import Message, msg

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CHUNK = 1024 * 1024
MAX_RECEIPT_BYTES = 100_000
SPOILT = ".spoilt"
CONNECT_S, READ_S, TRIES = 10, 60, 3
"""Of each request to S3."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """A bucket, or a folder in one. endpoint: "" for Amazon's own."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


class Store:
    """One target. All methods raise Transient and Permanent."""

    def __init__(
        self, name: str, fs: "AbstractFileSystem", root: str, directory: Path | None, scrub: Scrubber
    ) -> None:
        """Made by `open_directory` and `open_s3`. directory: where it is one of this machine's."""
        self.name = name
        self._fs, self._root, self._directory, self._scrub = fs, root, directory, scrub

    # ------------------------------------------------------------ looking

    def files(self) -> Mapping[str, int]:
        """The names and sizes of all files that lie there."""
        with self._outside():
            if self._directory is not None and not self._directory.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._directory))
            return self._listed()

    def _listed(self) -> Mapping[str, int]:
        found = self._fs.ls(self._root, detail=True)
        return {one["name"].rpartition("/")[2]: int(one["size"]) for one in found if one["type"] == "file"}

    def backups(self, environment: str) -> tuple[Backup, ...]:
        """The backups of an environment, the oldest first."""
        sizes = self.files()
        receipts = {
            name.removesuffix(RECEIPT): self._receipt(name, size)
            for name, size in sizes.items()
            if name.endswith(RECEIPT) and name.removesuffix(RECEIPT) in sizes
        }
        return inventory(sizes, receipts, environment)

    def _receipt(self, name: str, size: int) -> Receipt | None:
        if size > MAX_RECEIPT_BYTES:
            return None
        with self._outside():
            content = self._fs.cat_file(self._path(name))
        try:
            return receipt_of(json.loads(content))
        except (ValueError, RecursionError):
            return None

    def free_bytes(self) -> int | None:
        """What there is room for; None where nobody can say."""
        if self._directory is None:
            return None
        with self._outside():
            about = os.statvfs(self._directory)
        return about.f_bavail * about.f_frsize

    # ------------------------------------------------------------ bringing and fetching

    def put(self, archive: Path, receipt: Receipt) -> None:
        """Bring an archive, see that it arrived whole, and write its receipt."""
        path = self._path(receipt.name)
        with self._outside():
            self._fs.put_file(str(archive), path + PART)
            self._settle(path + PART)
        self._read_back(path + PART, receipt)
        with self._outside():
            self._rename(path + PART, path)
            size = int(self._fs.info(path)["size"])
        if size != receipt.bytes:
            raise self._spoilt(receipt.name)
        content = json.dumps(receipt_json(receipt), ensure_ascii=False, indent=1).encode()
        with self._outside():
            self._write(path + RECEIPT, content)

    def fetch(self, backup: Backup, target: Path) -> None:
        """Bring one here, and see that it is what its receipt says."""
        with self._outside(), target.open("wb") as file:
            digest, size = self._through(self._path(backup.name), file.write)
        receipt = backup.receipt
        if receipt is None or (digest, size) != (receipt.sha256, receipt.bytes):
            raise self._spoilt(backup.name)

    def remove(self, name: str) -> None:
        """Let a backup go: its receipt first, so that none is left of which it says that it is whole."""
        with self._outside():
            for path in (self._path(name) + end for end in (RECEIPT, "", RECEIPT + SPOILT)):
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def set_aside(self, name: str) -> None:
        """Have a backup that was found spoilt count as good no more. It stays, for people to look at."""
        with self._outside(), suppress(FileNotFoundError):
            self._rename(self._path(name) + RECEIPT, self._path(name) + RECEIPT + SPOILT)

    def abort_uploads(self, environment: str, older_than_ms: int) -> None:
        """End uploads in parts that died long ago: S3 keeps, and charges for, what came of them."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _read_back(self, path: str, receipt: Receipt) -> None:
        with self._outside():
            digest, size = self._through(path, lambda _: None)
        if (digest, size) != (receipt.sha256, receipt.bytes):
            with suppress(UltradError), self._outside():
                self._fs.rm_file(path)
            raise self._spoilt(receipt.name)

    def _through(self, path: str, take: Any) -> tuple[str, int]:  # noqa: ANN401 - any sink of bytes
        """SHA-256 and length of what lies there, read from end to end."""
        digest, size = hashlib.sha256(), 0
        with self._fs.open(path, "rb", block_size=8 * CHUNK, cache_type="readahead") as file:
            while part := file.read(CHUNK):
                digest.update(part)
                size += len(part)
                take(part)
        return digest.hexdigest(), size

    def _write(self, path: str, content: bytes) -> None:
        """A small file, whole or not at all."""
        self._fs.pipe_file(path + PART if self._directory else path, content)
        if self._directory:
            self._settle(path + PART)
            self._rename(path + PART, path)

    def _rename(self, source: str, target: str) -> None:
        """Within a directory at once, and durably; in a bucket the copy is whole before the first one goes."""
        if self._directory is None:
            self._fs.cp_file(source, target)
            self._fs.rm_file(source)
        else:
            Path(source).replace(target)
            _sync(self._directory)

    def _settle(self, path: str) -> None:
        """Have a file of this machine on its disk, so that reading it back says something."""
        if self._directory is None:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)

    # ------------------------------------------------------------ what goes wrong

    def _spoilt(self, name: str) -> Spoilt:
        return Spoilt(
            msg(
                "{name} at the target {target} is not what was brought there: it was spoilt on the way or since.",
                name=name,
                target=self.name,
            )
        )

    @contextmanager
    def _outside(self) -> Iterator[None]:
        """The errors of disks, libraries and services in our words."""
        failure: UltradError
        try:
            yield
        except PermissionError as error:
            failure = Permanent(
                msg(
                    "The target {target} refuses us ({reason}): check its keys and rights.",
                    target=self.name,
                    reason=self._reason(error),
                )
            )
        except FileNotFoundError as error:
            failure = Transient(
                msg(
                    "The target {target} is not there ({reason}): look at the mount, or at the bucket's name.",
                    target=self.name,
                    reason=self._reason(error),
                )
            )
        except _failures() as error:
            failure = Transient(
                msg("The target {target} failed: {reason}", target=self.name, reason=self._reason(error))
            )
        else:
            return
        # outside the handlers: the library's error must not ride along, it may name keys
        raise failure

    def _reason(self, error: BaseException) -> Message | str:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return msg("the disk is full")
        return self._scrub(str(error)) or type(error).__name__


class S3Store(Store):
    """A bucket."""

    def _listed(self) -> Mapping[str, int]:
        """By S3's own list: fsspec's answers nothing where it is refused."""
        fs: Any = self._fs
        bucket, _, prefix = self._root.partition("/")
        folder = f"{prefix}/" if prefix else ""
        found: dict[str, int] = {}
        token: dict[str, str] = {}
        while True:
            answer = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=folder, Delimiter="/", **token)
            here = ((one["Key"].removeprefix(folder), int(one["Size"])) for one in answer.get("Contents", ()))
            found |= {name: size for name, size in here if name}  # the folder itself may be an object, too
            if not answer.get("IsTruncated"):
                return found
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def abort_uploads(self, environment: str, older_than_ms: int) -> None:
        """End uploads of ours that died long ago."""
        bucket, _, prefix = self._root.partition("/")
        ours = f"{prefix}/ultrad-{environment}-" if prefix else f"ultrad-{environment}-"
        with self._outside():
            fs: Any = self._fs
            answer = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=ours)
            for one in answer.get("Uploads", ()):
                if one["Initiated"].timestamp() * 1_000 < older_than_ms:
                    fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])


def open_directory(name: str, path: Path) -> Store:
    """A directory, which must be there."""
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 - only where it is used

    return Store(name, LocalFileSystem(auto_mkdir=False, skip_instance_cache=True), str(path), path, Scrubber())


def open_s3(name: str, settings: S3Settings) -> Store:
    """A bucket. Nothing is taken from the environment: neither keys nor a region."""
    import s3fs  # noqa: PLC0415 - 0.3 s, only where it is used

    fs = s3fs.S3FileSystem(
        key=settings.access_key,
        secret=settings.secret_key,
        endpoint_url=settings.endpoint or None,
        client_kwargs={"region_name": settings.region or "us-east-1"},
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"total_max_attempts": TRIES, "mode": "standard"},
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    fs.retries = 1  # botocore's own are enough, and waited for once
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # aiohttp's broken connections, which come back as errors
    root = f"{settings.bucket}/{settings.prefix}" if settings.prefix else settings.bucket
    return S3Store(name, fs, root, None, Scrubber(settings.access_key, settings.secret_key))


def _failures() -> tuple[type[Exception], ...]:
    """What the libraries raise for what is wrong outside."""
    import aiohttp  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - s3fs has imported it by then

    return (OSError, TimeoutError, BotoCoreError, ClientError, aiohttp.ClientError)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
