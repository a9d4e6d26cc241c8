"""What one environment tells the other, so that neither can be started with what belongs to the other."""

from ultrad.config.load import Config


def guards_for_others(config: Config) -> str:
    """A `[guards]` section for the other environment's file: our accounts, and fingerprints of our secrets."""
    secrets = [one for endpoint in config.endpoints for one in (endpoint.http, endpoint.ws)]
    secrets += [one for channel in config.channels for one in (channel.url, channel.token, channel.key)]
    secrets += [config.estop_token, config.deadman_url]
    fingerprints = sorted({secret.fingerprint() for secret in secrets if secret})
    recipients = sorted({channel.to for channel in config.channels if channel.to})
    accounts = sorted(position.account for position in config.settings.positions)
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
            "",
        ]
    )
