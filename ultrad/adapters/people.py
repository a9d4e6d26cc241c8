"""The host's users by name."""

import pwd


def name_of(uid: int) -> str:
    """A user's name with the uid, or the uid alone where the host does not know it."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
