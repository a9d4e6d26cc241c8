"""From the configuration to what is looked at around the daemon: disks, clock and logs."""

from pathlib import Path

from aiohttp import ClientSession

from ultrad.adapters.disks import StatvfsDisks
from ultrad.adapters.logfiles import LogDirectory
from ultrad.adapters.time_tellers import HttpDates
from ultrad.config import Config
from ultrad.outside import CheckMeans
from ultrad.ports import Clock


def check_means(config: Config, session: ClientSession, clock: Clock) -> CheckMeans:
    """What the checks look through. session: of `ultrad.adapters.notify.http.open_session`."""
    servers = [(one.name, one.http.reveal()) for one in config.endpoints]
    return CheckMeans(
        disks=StatvfsDisks(),
        tellers=HttpDates(servers, session, clock),
        logs=LogDirectory(Path(config.settings.log_dir)),
    )
