"""What one environment tells the other, so that neither can be started with what belongs to the other."""

from ultrad.config.load import Config


def guards_for_others(config: Config) -> str:
    """A `[guards]` section for the other environment's file: our accounts, and fingerprints of our secrets."""
    secrets = [one for endpoint in config.endpoints for one in (endpoint.http, endpoint.ws)] + [config.estop_token]
    fingerprints = sorted({secret.fingerprint() for secret in secrets if secret})
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
            "",
        ]
    )
