"""A service manager that remembers what it was told."""

import anyio


class FakeHost:
    """Implements `Host`. `told` holds (loop seconds, field) in order."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    def notify(self, *fields: str) -> None:
        self.told.extend((anyio.current_time(), one) for one in fields)

    def times(self, field: str) -> list[float]:
        """When exactly this field was sent."""
        return [at_s for at_s, one in self.told if one == field]
