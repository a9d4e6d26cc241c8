"""ultrad guards and runs an automated Aave V3 position."""

__version__ = "0.1.0"
