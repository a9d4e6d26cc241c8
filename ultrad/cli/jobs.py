"""`ultrad jobs` and `ultrad job run`."""

from ultrad.cli.screen import View
from ultrad.cli.session import Session
from ultrad.cli.view import jobs_section
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_FAILED
from ultrad.i18n import msg


def show(session: Session) -> int:
    """The cron jobs."""
    screen, jobs = session.screen, session.client().status().jobs
    if session.args.json:
        screen.json({"jobs": to_json(jobs)})
    elif jobs:
        screen.show(View((), "", (jobs_section(jobs, screen.when),)))
    else:
        screen.say(msg("There are no jobs."))
    return 0


def run(session: Session) -> int:
    """Run one now; 0 where it went well."""
    screen, line = session.screen, session.client().run_job(session.args.name)
    if line.last_ok:
        screen.say(
            msg(
                "{name} went well ({elapsed} ms): {message}",
                name=line.name,
                elapsed=line.last_duration_ms or 0,
                message=line.last_message or "",
            )
        )
        return 0
    screen.complain(msg("{name} failed: {message}", name=line.name, message=line.last_message or ""))
    return EXIT_FAILED
