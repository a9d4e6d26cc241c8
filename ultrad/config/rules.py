"""The rules between keys, and the guards between environments. Each yields all that is wrong."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

from ultrad.config.backup import mistakes_in_backup
from ultrad.config.checks import mistakes_in_checks
from ultrad.config.mistakes import Mistake
from ultrad.config.outlook import mistakes_in_drill
from ultrad.config.reports import mistakes_in_reports
from ultrad.config.rescue import mistakes_in_rescue
from ultrad.config.schema import PositionSection, Settings
from ultrad.config.secret_rules import loopback
from ultrad.config.telling import mistakes_in_telling
from ultrad.config.trading_rules import mistakes_in_trading
from ultrad.i18n import Message, msg
from ultrad.networks import DEVNET_ACCOUNT, DEVNET_CHAIN_ID, LOCAL_CHAIN_IDS, by_chain_id, by_name
from ultrad.units import Address, short_address

RESUME_MARGIN_HF = Decimal("0.05")
"""A stop lifted this close to the trip would come back with the next block."""
MIN_PRODUCTION_ENDPOINTS = 2

PUBLIC_ACCOUNTS: frozenset[Address] = frozenset(
    Address(account)
    for account in (
        # Accounts 0 to 9 of the mnemonic "test test … junk", which anvil and hardhat start with.
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
        "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
        "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
        "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
        "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
        DEVNET_ACCOUNT,  # its key stands in the source
    )
)


def mistakes_between_keys(settings: Settings) -> Iterator[Mistake]:
    """All that can be said without the secrets."""
    return chain(
        _network(settings),
        _environment(settings),
        _endpoints(settings),
        _accounts(settings),
        _limits(settings),
        _resumers(settings),
        _http(settings),
        mistakes_in_telling(settings.notify),
        mistakes_in_reports(settings.reports, settings.notify),
        _recipients(settings),
        mistakes_in_trading(settings),
        mistakes_in_rescue(settings),
        mistakes_in_backup(settings.backup),
        mistakes_in_checks(settings.checks),
        mistakes_in_drill(settings),
    )


def chain_id_of(settings: Settings) -> int | None:
    """The chain id that is meant, None where the file does not say."""
    named = by_name(settings.chain.network)
    if named:
        return named.chain_id
    return settings.chain.chain_id or (DEVNET_CHAIN_ID if settings.chain.network == "devnet" else None)


def _network(settings: Settings) -> Iterator[Mistake]:
    section, name = settings.chain, settings.chain.network
    own = {"chain_id": section.chain_id, "addresses_provider": section.addresses_provider}
    given = {**own, "sequencer_feed": section.sequencer_feed, "testnet": section.testnet}
    if by_name(name):
        for key in (key for key, value in given.items() if value is not None):
            yield Mistake(
                (f"chain.{key}", "chain.network"),
                msg(
                    'chain.{key}: the network "{network}" has its own. Remove the key, or write network = "custom"'
                    " if another market is meant.",
                    key=key,
                    network=name,
                ),
            )
        return
    needed = ("addresses_provider",) if name == "devnet" else ("chain_id", "addresses_provider", "testnet")
    for key in (key for key in needed if given[key] is None):
        yield Mistake(
            (f"chain.{key}", "chain.network"),
            msg('chain.{key} is missing: network = "{network}" needs it.', key=key, network=name),
        )
    chain_id = chain_id_of(settings)
    if name == "devnet" and chain_id not in LOCAL_CHAIN_IDS:
        yield Mistake(
            ("chain.chain_id", "chain.network"),
            msg(
                'chain.chain_id = {chain_id} is not allowed with network = "devnet". Allowed: {local}.',
                chain_id=str(chain_id),
                local=_local_ids(),
            ),
        )
    known = by_chain_id(chain_id) if chain_id else None
    if known and section.testnet not in (None, known.testnet):
        yield Mistake(
            ("chain.testnet", "chain.chain_id"),
            msg(
                "chain.testnet = {given} is wrong: chain id {chain_id} is {network}. Correct one of the two.",
                given=str(section.testnet).lower(),
                chain_id=str(chain_id),
                network=known.name,
            ),
        )


def _local_ids() -> str:
    return ", ".join(str(number) for number in sorted(LOCAL_CHAIN_IDS))


def _environment(settings: Settings) -> Iterator[Mistake]:
    chain_id = chain_id_of(settings)
    if chain_id is None:
        return
    named = by_name(settings.chain.network) or by_chain_id(chain_id)
    testnet = named.testnet if named else settings.chain.testnet
    local = chain_id in LOCAL_CHAIN_IDS
    problem: Message | None = None
    match settings.environment:
        case "production" if local or testnet:
            problem = msg("production refuses the chain id of a test network")
        case "staging" if local:
            problem = msg("staging refuses the chain id of a development node")
        case "staging" if testnet is False:
            problem = msg("staging refuses the chain id of a main network")
        case "devnet" if not local:
            problem = msg("devnet takes only the chain ids of development nodes")
        case _:
            return
    yield Mistake(
        ("environment", "chain.network", "chain.chain_id", "chain.testnet"),
        msg(
            'environment = "{environment}" and chain.network = "{network}" (chain id {chain_id}): {problem}.'
            " Correct the one that is wrong.",
            environment=settings.environment,
            network=settings.chain.network,
            chain_id=str(chain_id),
            problem=problem,
        ),
    )


def _endpoints(settings: Settings) -> Iterator[Mistake]:
    endpoints = settings.chain.endpoints
    yield from _repeated("chain.endpoints", [endpoint.name for endpoint in endpoints])
    if not endpoints:
        yield Mistake(
            ("chain.endpoints",), msg("chain.endpoints is missing: add [[chain.endpoints]] with a name and http.")
        )
    elif settings.environment == "production" and len(endpoints) < MIN_PRODUCTION_ENDPOINTS:
        yield Mistake(
            ("chain.endpoints", "environment"),
            msg(
                "chain.endpoints: production needs at least two, best of different providers. Add another"
                " [[chain.endpoints]]: with one alone, nobody notices when it lies."
            ),
        )


def _repeated(key: str, names: list[str]) -> Iterator[Mistake]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Mistake(
            (f"{key}[{name}]",),
            msg("{key}: the name {name} stands more than once. Give each its own.", key=key, name=name),
        )


def _accounts(settings: Settings) -> Iterator[Mistake]:
    yield from _repeated("positions", [position.name for position in settings.positions])
    if not settings.positions:
        yield Mistake(("positions",), msg("positions is missing: add [[positions]] with a name and an account."))
    seen: dict[Address, PositionSection] = {}
    for position in settings.positions:
        key, shown = f"positions[{position.name}].account", short_address(position.account)
        if position.account in seen:
            yield Mistake(
                (key,),
                msg(
                    "{key} = {account} is that of the position {other} as well. Remove one of them.",
                    key=key,
                    account=shown,
                    other=seen[position.account].name,
                ),
            )
        seen.setdefault(position.account, position)
        if position.account in settings.guards.foreign_accounts:
            yield Mistake(
                (key, "guards.foreign_accounts"),
                msg(
                    "{key} = {account} belongs to the other environment, as guards.foreign_accounts says. Use the"
                    " account of this one.",
                    key=key,
                    account=shown,
                ),
            )
        if position.account in PUBLIC_ACCOUNTS and settings.environment != "devnet":
            yield Mistake(
                (key, "environment"),
                msg(
                    "{key} = {account} is a public development account: anybody has its key. It is taken on the"
                    " devnet only.",
                    key=key,
                    account=shown,
                ),
            )


def _limits(settings: Settings) -> Iterator[Mistake]:
    limits = settings.limits
    for low_key, high_key in (("hard_floor_hf", "trip_hf"), ("trip_hf", "warn_hf")):
        low, high = getattr(limits, low_key), getattr(limits, high_key)
        if low >= high:
            yield Mistake(
                (f"limits.{low_key}", f"limits.{high_key}"),
                msg(
                    "limits.{low_key} = {low} must be under limits.{high_key} = {high}.",
                    low_key=low_key,
                    low=str(low),
                    high_key=high_key,
                    high=str(high),
                ),
            )
    if limits.resume_hf < limits.trip_hf + RESUME_MARGIN_HF:
        yield Mistake(
            ("limits.resume_hf", "limits.trip_hf"),
            msg(
                "limits.resume_hf = {resume} must be at least {margin} above limits.trip_hf = {trip}, or the stop"
                " comes back at once.",
                resume=str(limits.resume_hf),
                margin=str(RESUME_MARGIN_HF),
                trip=str(limits.trip_hf),
            ),
        )


def _resumers(settings: Settings) -> Iterator[Mistake]:
    if settings.environment == "production" and len(set(settings.estop.resumers)) == 1:
        yield Mistake(
            ("estop.resumers", "environment"),
            msg(
                "estop.resumers names {name} alone, and production takes two people to lift a stop: name a"
                " second.",
                name=settings.estop.resumers[0],
            ),
        )


def _http(settings: Settings) -> Iterator[Mistake]:
    http = settings.http
    if not http.exposed and not loopback(http.host):
        yield Mistake(
            ("http.host", "http.exposed"),
            msg(
                "http.host = {host} can be reached from other machines. Write 127.0.0.1, or exposed = true if that"
                " is meant and a firewall stands before it.",
                host=http.host,
            ),
        )
    if http.port == 0 and settings.environment != "devnet":
        yield Mistake(
            ("http.port", "environment"),
            msg("http.port = 0 (any free port) is taken on the devnet only. Write a port from 1 to 65535."),
        )


def _recipients(settings: Settings) -> Iterator[Mistake]:
    for channel in settings.notify.channels:
        if channel.to in settings.guards.foreign_recipients:
            key = f"notify.channels[{channel.name}].to"
            yield Mistake(
                (key, "guards.foreign_recipients"),
                msg(
                    "{key} = {to} belongs to the other environment, as guards.foreign_recipients says. Use a"
                    " channel of this one.",
                    key=key,
                    to=str(channel.to),
                ),
            )
