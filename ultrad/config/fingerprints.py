"""What one environment tells the other, so that neither can be started with what belongs to the other."""

from ultrad.config.load import Config
from ultrad.config.trading import plain_id


def guards_for_others(config: Config) -> str:
    """A `[guards]` section for the other environment's file: our accounts, and fingerprints of our secrets."""
    # A passphrase may be short enough to be found from its fingerprint; the account tells the key apart.
    secrets = [secret for key, secret in config.secrets.items() if key != "signer.passphrase"]
    fingerprints = sorted({secret.fingerprint() for secret in secrets})
    recipients = sorted({channel.to for channel in config.channels if channel.to})
    accounts = sorted(position.account for position in config.settings.positions)
    notion, octobot = config.settings.notion, config.settings.octobot
    databases = [plain_id(notion.database)] if notion else []
    bots = sorted({url for url in (octobot.url, octobot.web_url) if url}) if octobot else []
    return "\n".join(
        [
            "[guards]",
            "foreign_accounts = [",
            *(f'  "{account}",' for account in accounts),
            "]",
            "foreign_secrets_sha256 = [",
            *(f'  "{fingerprint}",' for fingerprint in fingerprints),
            "]",
            "foreign_recipients = [",
            *(f'  "{recipient}",' for recipient in recipients),
            "]",
            "foreign_notion_databases = [",
            *(f'  "{database}",' for database in databases),
            "]",
            "foreign_octobot_urls = [",
            *(f'  "{bot}",' for bot in bots),
            "]",
            "",
        ]
    )
