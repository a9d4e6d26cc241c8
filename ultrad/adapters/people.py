"""The host's users by name."""

import pwd


def login_of(uid: int) -> str | None:
    """A user's name alone; None where the host does not know it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def name_of(uid: int) -> str:
    """A user's name with the uid, or the uid alone where the host does not know it."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
