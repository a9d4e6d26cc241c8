"""`[backup]`: where backups go, who can read them, and how long they are kept."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from ultrad.config.mistakes import Mistake
from ultrad.config.secret import Secret
from ultrad.config.section import Section, whole
from ultrad.config.texts import AbsolutePath, Allowed, SecretRef, Slug, matching, refuse
from ultrad.i18n import Message, msg

if TYPE_CHECKING:
    from ultrad.config.schema import Settings

TargetKind = Literal["directory", "s3"]
MAX_TARGETS = 5
"""Each gets every backup; more than a disk here, a disk there and two clouds is nobody's plan."""
MAX_RECIPIENTS = 10
NEEDS: Mapping[TargetKind, tuple[str, ...]] = {
    "directory": ("path",),
    "s3": ("bucket", "access_key", "secret_key"),
}
MAY_HAVE: Mapping[TargetKind, tuple[str, ...]] = {"directory": (), "s3": ("prefix", "endpoint", "region")}
"""Which keys each kind of target must and may have, and no other."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[A-Za-z0-9_-]{1,64}){0,4}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _endpoint(text: str) -> str:
    try:
        url = urlsplit(text)
        usable = bool(url.hostname) and url.port != 0 and not (url.username or url.password or url.query)
    except ValueError:
        usable = False
    if not usable or url.path not in ("", "/"):
        refuse(msg("is not allowed"))
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        refuse(msg("is not allowed"))
    return text.rstrip("/")


BucketName = Annotated[
    str, AfterValidator(matching(_BUCKET)), Allowed(msg("a bucket's name, 3 to 63 characters as S3 has them"))
]
PrefixText = Annotated[
    str,
    AfterValidator(matching(_PREFIX)),
    Allowed(msg("a folder in the bucket, such as ultrad/production, without a slash at either end")),
]
RegionText = Annotated[
    str, AfterValidator(matching(_REGION)), Allowed(msg("a region's name, such as ap-northeast-1"))
]
EndpointUrl = Annotated[
    str,
    AfterValidator(_endpoint),
    Allowed(msg("an https:// address without a path (http:// on this machine only)")),
]
AgeRecipient = Annotated[
    str,
    AfterValidator(matching(_RECIPIENT)),
    Allowed(msg("an age recipient, age1 and 58 characters (`age-keygen` prints it)")),
]


class TargetSection(Section):
    """`[[backup.targets]]`: one place that gets every backup."""

    name: Slug = Field(description="Shown wherever the target is meant.")
    kind: TargetKind = Field(description="directory or s3.")
    path: AbsolutePath | None = Field(default=None, description="The directory; it must be there.")
    encrypted: bool = Field(
        default=False, description="Whether a directory's backups are encrypted as well; S3's always are."
    )
    bucket: BucketName | None = Field(default=None, description="The bucket; it must be there.")
    prefix: PrefixText | None = Field(default=None, description="A folder in it.")
    endpoint: EndpointUrl | None = Field(default=None, description="Where S3 is not Amazon's: its address.")
    region: RegionText | None = Field(default=None, description="The bucket's region.")
    access_key: SecretRef | None = Field(default=None, description="The access key's id, as a secret.")
    secret_key: SecretRef | None = Field(default=None, description="The secret access key, as a secret.")


class BackupSection(Section):
    """`[backup]`: where backups go. Without a target, none is made."""

    targets: tuple[TargetSection, ...] = Field(
        default=(), max_length=MAX_TARGETS, description="Where they go: each gets all of them."
    )
    recipients: tuple[AgeRecipient, ...] = Field(
        default=(),
        max_length=MAX_RECIPIENTS,
        description="Who can read what is encrypted: age's public keys. The private ones stay elsewhere.",
    )
    drill_key: SecretRef | None = Field(
        default=None,
        description="An age identity that restore drills read encrypted backups with, as a secret.",
    )
    keep_days: int = whole(30, 7, 3_650, "All are kept for so many days.", looser="down")
    keep_months: int = whole(6, 0, 120, "The first of each month is kept for so many months.", looser="down")
    max_age_h: int = whole(
        26, 2, 168, "The newest good one may be so old. A day, and time to make it.", looser="up"
    )


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """One target with its secrets."""

    section: TargetSection
    access_key: Secret | None = None
    secret_key: Secret | None = None

    @property
    def encrypted(self) -> bool:
        """Whether what goes there is encrypted."""
        return self.section.encrypted or self.section.kind == "s3"


def targets_of(backup: BackupSection, secrets: Mapping[str, Secret]) -> tuple[TargetConfig, ...]:
    """The targets with their secrets."""
    return tuple(
        TargetConfig(
            one,
            secrets.get(f"backup.targets[{one.name}].access_key"),
            secrets.get(f"backup.targets[{one.name}].secret_key"),
        )
        for one in backup.targets
    )


def backup_secret_keys(backup: BackupSection) -> Iterator[tuple[str, str]]:
    """Each secret that the section names: its dotted key and its reference."""
    for target in backup.targets:
        for name in ("access_key", "secret_key"):
            if reference := getattr(target, name):
                yield f"backup.targets[{target.name}].{name}", reference
    if backup.drill_key:
        yield "backup.drill_key", backup.drill_key


def mistakes_in_backup(backup: BackupSection) -> Iterator[Mistake]:
    """What does not fit together."""
    names = [one.name for one in backup.targets]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Mistake(
            (f"backup.targets[{name}]",),
            msg(
                "{key}: the name {name} stands more than once. Give each its own.", key="backup.targets", name=name
            ),
        )
    for target in backup.targets:
        yield from _target(target)
        if (target.encrypted or target.kind == "s3") and not backup.recipients:
            yield Mistake(
                ("backup.recipients", f"backup.targets[{target.name}].kind"),
                msg(
                    "backup.recipients is empty, and what goes to the target {name} is encrypted: name the age"
                    " recipient who keeps the key.",
                    name=target.name,
                ),
            )


def _target(target: TargetSection) -> Iterator[Mistake]:
    needed, possible = NEEDS[target.kind], MAY_HAVE[target.kind]
    for name in ("path", "bucket", "prefix", "endpoint", "region", "access_key", "secret_key"):
        given = getattr(target, name) is not None
        key = f"backup.targets[{target.name}].{name}"
        if given and name not in (*needed, *possible):
            text = msg('{key} is not used by kind = "{kind}": remove it.', key=key, kind=target.kind)
        elif not given and name in needed:
            text = msg('{key} is missing: kind = "{kind}" needs it.', key=key, kind=target.kind)
        else:
            continue
        yield Mistake((key, f"backup.targets[{target.name}].kind"), text)


def drill_key_problem(key: str, secret: Secret) -> Message | None:
    """Why a drill key is none."""
    if key == "backup.drill_key" and not secret.reveal().startswith("AGE-SECRET-KEY-1"):
        return msg("is no age identity: it begins with AGE-SECRET-KEY-1")
    return None


def words_on_backup(settings: "Settings") -> Iterator[tuple[Literal["ok", "warning"], Message]]:
    """For `ultrad check`."""
    backup = settings.backup
    if not backup.targets:
        yield "warning", msg("[backup] has no target: NO BACKUP is made. A lost disk loses the journal.")
        return
    yield (
        "ok",
        msg(
            "backups go to {names}; kept for {days} days, the first of each month for {months} months.",
            names=", ".join(one.name for one in backup.targets),
            days=backup.keep_days,
            months=backup.keep_months,
        ),
    )
    if backup.drill_key is None and any(one.encrypted or one.kind == "s3" for one in backup.targets):
        yield (
            "ok",
            msg(
                "backup.drill_key is not set: restore drills compare encrypted backups with what was brought "
                "there, and open none."
            ),
        )
    if all(one.kind == "directory" for one in backup.targets):
        yield (
            "warning",
            msg("[backup] has no target outside this machine, unless a directory is mounted from there."),
        )
