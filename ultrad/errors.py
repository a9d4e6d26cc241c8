"""One error root. An adapter translates its library's errors into one of the three kinds below."""

from dataclasses import dataclass

from ultrad.i18n import Message

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_LOCKED = 77
"""Another instance holds the lock (EX_NOPERM). The unit names it in RestartPreventExitStatus=."""
EXIT_CONFIG = 78
"""The configuration or the installation is wrong (EX_CONFIG). Restarting cannot mend it."""


class UltradError(Exception):
    """Something an operator can be told: what, where, and what to do."""

    def __init__(self, message: Message) -> None:
        """Keep the message for rendering in the operator's language."""
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        """English, for logs and tracebacks."""
        return str(self.message)


class Transient(UltradError):
    """May pass by itself: try again later, within limits."""


class Permanent(UltradError):
    """Will not pass by itself; this one thing cannot be done."""


class Duplicate(Permanent):
    """The journal already holds an event of this kind with this key."""


class Fatal(UltradError):
    """The daemon must not go on. `exit_code` is what the process ends with."""

    def __init__(self, message: Message, exit_code: int = EXIT_FAILED) -> None:
        """Keep the exit code beside the message."""
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Failed:
    """What the supervisor's boundary caught, as a value: the error, and what an operator is told of it."""

    error: Exception
    message: Message
