"""Which findings the checklist of `ultrad resume` judges by which of its lines, and which by none."""

PROBE_CODES = frozenset({"probe_slow", "probe_failed", "error_rate"})
JOB_CODES = frozenset({"job_failed", "job_failures"})
VALUE_CODES = frozenset({"value_moved"})
DEATH_CODES = frozenset({"died"})
BACKUP_CODES = frozenset({"backup_failed", "backup_old", "backup_room", "backup_unseen", "restore_failed"})
JUDGED_BY_THEIR_OWN_LINES = PROBE_CODES | JOB_CODES | VALUE_CODES | DEATH_CODES | BACKUP_CODES
"""Findings whose line may be waived: were they counted as S1 or as faults of the watch as well, it never could."""
MARKET_CODES = frozenset(
    {"oracle_jump", "oracle_stale", "oracle_age_unknown", "reserve_unusable", "sequencer_down", "sequencer_grace"}
)
"""The market's own troubles: each keeps trades off by itself for as long as it lasts, stop or no stop."""
TELLING_CODES = frozenset(
    {
        "channel_down",
        "quota_low",
        "notice_given_up",
        "deadman_unreachable",
        "credentials_refused",
        "alerts_inconsistent",
        "report_late",
        "drill_untold",
        "drill_slow",
    }
)
"""Troubles of the ways to people: told by other ways and to be mended, but no fault of the watch."""
ROW_CODES = frozenset({"notion_unread", "notion_schema", "notion_schema_unknown", "row_unwritten"})
"""Troubles of the rows: without them nothing is decided, and nothing traded, stop or no stop."""
NO_FAULT_OF_THE_WATCH = MARKET_CODES | TELLING_CODES | ROW_CODES
"""Findings that no line judges: none of them makes it unsafe to lift a stop."""
