"""`ultrad aside`: a worker, which the daemon or systemd starts; not for people."""

from ultrad.cli.session import Session


def serve(session: Session) -> int:
    """Do one work, as standard input says."""
    from ultrad import worker  # noqa: PLC0415 - only here

    return worker.serve(worker.WORKS, session.environ)
