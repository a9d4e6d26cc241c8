"""What is looked at besides the services: credentials, disks, clock, backups, logs and who would be told."""

from ultrad.checks.means import Backups, Disks, Logs, TimeTellers
from ultrad.checks.spec import Check, Checkup

__all__ = ["Backups", "Check", "Checkup", "Disks", "Logs", "TimeTellers"]
