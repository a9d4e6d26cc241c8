"""The rules between keys, and what keeps the environments apart."""

from typing import get_args

import pytest

from tests.config.conftest import ACCOUNT, KEY, OTHER_ACCOUNT, House
from ultrad.addresses import checksum
from ultrad.config import guards_for_others
from ultrad.config.rules import PUBLIC_ACCOUNTS
from ultrad.devnet.reference import REFERENCE_ACCOUNT
from ultrad.networks import LOCAL_CHAIN_IDS, MULTICALL3, NETWORKS, NetworkName, by_chain_id, by_name

DEVNET = f'"devnet"\naddresses_provider = "{OTHER_ACCOUNT}"'


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("environment", ["staging", "production", "devnet"])
def test_environment__each_network__mainnets_and_testnets_kept_apart(
    house: House, network: object, environment: str
) -> None:
    house.replace('"ethereum"', f'"{network.name}"').replace('"production"', f'"{environment}"')  # type: ignore[attr-defined]
    if environment != "devnet" and network.testnet == (environment == "staging"):  # type: ignore[attr-defined]
        house.load()
    else:
        assert f'environment = "{environment}" and chain.network' in house.only_mistake()


@pytest.mark.parametrize("chain_id", [None, *sorted(LOCAL_CHAIN_IDS)])
@pytest.mark.parametrize("environment", ["staging", "production", "devnet"])
def test_environment__development_node__on_the_devnet_only(
    house: House, environment: str, chain_id: int | None
) -> None:
    house.replace('"ethereum"', DEVNET + (f"\nchain_id = {chain_id}" if chain_id else ""))
    house.replace('"production"', f'"{environment}"')
    if environment == "devnet":
        assert house.load().network.chain_id == (chain_id or 31337)
    else:
        assert f"{environment} refuses the chain id of a" in house.only_mistake()


def test_environment__devnet_with_a_public_chain_id__refused(house: House) -> None:
    house.replace('"production"', '"devnet"').replace('"ethereum"', DEVNET + "\nchain_id = 1")
    assert 'chain.chain_id = 1 is not allowed with network = "devnet". Allowed: 1337, 31337.' in house.mistakes()


@pytest.mark.parametrize(("testnet", "environment"), [("true", "production"), ("false", "staging")])
def test_environment__custom_network_of_the_other_kind__refused(
    house: House, testnet: str, environment: str
) -> None:
    custom = f'"custom"\nchain_id = 56\ntestnet = {testnet}\naddresses_provider = "{OTHER_ACCOUNT}"'
    house.replace('"ethereum"', custom).replace('"production"', f'"{environment}"')
    assert f"{environment} refuses" in house.only_mistake()


def test_environment__custom_network_that_denies_to_be_a_mainnet__refused(house: House) -> None:
    custom = f'"custom"\nchain_id = 1\ntestnet = true\naddresses_provider = "{OTHER_ACCOUNT}"'
    house.replace('"ethereum"', custom).replace('"production"', '"staging"')
    mistakes = house.mistakes()
    assert any("chain.testnet = true is wrong: chain id 1 is ethereum" in mistake for mistake in mistakes)
    assert any("staging refuses the chain id of a main network" in mistake for mistake in mistakes)


def test_network__custom_without_its_keys__each_asked_for(house: House) -> None:
    mistakes = house.replace('"ethereum"', '"custom"').mistakes()
    assert [mistake.split()[0] for mistake in mistakes] == [
        "chain.chain_id",
        "chain.addresses_provider",
        "chain.testnet",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "chain_id = 1",
        f'addresses_provider = "{OTHER_ACCOUNT}"',
        f'sequencer_feed = "{OTHER_ACCOUNT}"',
        "testnet = false",
    ],
)
def test_network__known_one_with_keys_of_its_own__refused(house: House, line: str) -> None:
    house.replace('"ethereum"', f'"ethereum"\n{line}')
    assert 'the network "ethereum" has its own' in house.only_mistake()


def test_networks__all_addresses__pass_their_checksum() -> None:
    addresses = [MULTICALL3, *PUBLIC_ACCOUNTS]
    for network in NETWORKS:
        addresses += [network.addresses_provider] + ([network.sequencer_feed] if network.sequencer_feed else [])
    assert [checksum(address) for address in addresses] == addresses


def test_networks__table__names_and_chain_ids_are_unique_and_known() -> None:
    names = [network.name for network in NETWORKS]
    assert {*names, "devnet", "custom"} == set(get_args(NetworkName))
    assert len({network.chain_id for network in NETWORKS}) == len(NETWORKS) == len(set(names))
    assert not any(network.local for network in NETWORKS)
    for network in NETWORKS:
        assert by_name(network.name) is by_chain_id(network.chain_id) is network
        assert network.stale_head_s * 1000 >= 5 * network.block_time_ms


def test_networks__chain_ids__as_registered() -> None:
    assert {network.name: network.chain_id for network in NETWORKS} == {
        "ethereum": 1,
        "optimism": 10,
        "polygon": 137,
        "base": 8453,
        "arbitrum": 42161,
        "avalanche": 43114,
        "base-sepolia": 84532,
        "sepolia": 11155111,
    }


def test_public_accounts__our_own_devnet__is_among_them() -> None:
    assert REFERENCE_ACCOUNT in PUBLIC_ACCOUNTS


@pytest.mark.parametrize("account", sorted(PUBLIC_ACCOUNTS))
def test_accounts__public_development_account__devnet_only(house: House, account: str) -> None:
    house.replace(ACCOUNT, account)
    assert "is a public development account" in house.only_mistake()
    house.replace('"production"', '"devnet"').replace('"ethereum"', DEVNET)
    assert house.load().settings.positions[0].account == account


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            ACCOUNT.lower(),
            f"lacks its checksum (EIP-55): compare each digit with its source, then write {ACCOUNT}",
        ),
        ("0x" + ACCOUNT[2:].upper(), f"then write {ACCOUNT}"),
        (ACCOUNT.replace("E2eb", "E2Eb"), "fails its checksum (EIP-55), so at least one digit is wrong"),
        (ACCOUNT[:-1], "is no address"),
        (ACCOUNT[2:], "is no address"),
        (ACCOUNT + "0", "is no address"),
        ("0x" + "0" * 40, "is the zero address"),
        ("vitalik.eth", "is no address"),
    ],
)
def test_accounts__no_checksummed_address__refused_with_advice(house: House, account: str, said: str) -> None:
    assert said in house.replace(ACCOUNT, account).only_mistake()


def test_accounts__wrong_digit__right_form_not_offered(house: House) -> None:
    wrong = ACCOUNT.replace("E2eb", "E2ec")
    assert checksum(wrong) not in house.replace(ACCOUNT, wrong).only_mistake()


def test_accounts__same_twice__refused(house: House) -> None:
    house.add(f'[[positions]]\nname = "second"\naccount = "{ACCOUNT}"')
    assert "positions[second].account = 0x8626…1199 is that of the position main as well" in house.only_mistake()


@pytest.mark.parametrize(("section", "name"), [("positions", "main"), ("chain.endpoints", "a")])
def test_names__same_twice__refused(house: House, section: str, name: str) -> None:
    if section == "positions":
        house.add(f'[[positions]]\nname = "main"\naccount = "{OTHER_ACCOUNT}"')
    else:
        house.replace('name = "b"', 'name = "a"')
    assert house.only_mistake() == f"{section}: the name {name} stands more than once. Give each its own."


def test_guards__account_of_the_other_environment__refused(house: House) -> None:
    house.add(f'[guards]\nforeign_accounts = ["{ACCOUNT}"]')
    assert "positions[main].account = 0x8626…1199 belongs to the other environment" in house.only_mistake()


def test_guards__what_one_environment_prints__stops_the_other(house: House) -> None:
    token = house.secret("token", KEY)
    house.add(f'[http]\nestop_token = "{token}"')
    guards = guards_for_others(house.load())
    assert KEY not in guards
    mistakes = house.add(guards).mistakes()
    assert len(mistakes) == 8
    for key in (
        "positions[main].account",
        "chain.endpoints[a].http",
        "chain.endpoints[b].http",
        "http.estop_token",
    ):
        assert any(mistake.startswith(key) and "other environment" in mistake for mistake in mistakes)


def test_endpoints__one_in_production__refused(house: House) -> None:
    start, end = house.text.rindex("[[chain.endpoints]]"), house.text.index("[[positions]]")
    house.text = house.text[:start] + house.text[end:]
    assert "production needs at least two" in house.only_mistake()
    house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    assert len(house.load().endpoints) == 1


@pytest.mark.parametrize(
    "url", ["https://a.example/v3/x", "https://A.example:443/v3/x/", "https://a.example:443/v3/x"]
)
def test_endpoints__same_url_twice__refused(house: House, url: str) -> None:
    house.secret("a", "https://a.example/v3/x")
    house.secret("b", url)
    assert "chain.endpoints[a].http and chain.endpoints[b].http are the same URL" in house.only_mistake()


@pytest.mark.parametrize(
    ("environment", "network", "url", "said"),
    [
        ("production", '"ethereum"', "http://rpc.example/", "must begin with https:// in production"),
        ("production", '"ethereum"', "http://10.0.0.1:8545", "must begin with https:// in production"),
        ("production", '"ethereum"', "http://localhost.example/", "must begin with https:// in production"),
        ("production", '"ethereum"', "http://127.0.0.1:8545", None),
        ("production", '"ethereum"', "http://[::1]:8545", None),
        ("production", '"ethereum"', "http://localhost:8545", None),
        ("staging", '"sepolia"', "http://rpc.example/", None),
        ("production", '"ethereum"', "wss://rpc.example/", "must hold a URL that begins with https://"),
        ("production", '"ethereum"', "ftp://rpc.example/", "must hold a URL"),
        ("production", '"ethereum"', "https:///v3", "must hold a URL"),
        ("production", '"ethereum"', "https://rpc.example:99999/", "must hold a URL"),
        ("production", '"ethereum"', "https://[::1/", "must hold a URL"),
        ("production", '"ethereum"', "0123456789", "must hold a URL"),
    ],
)
def test_endpoints__url__scheme_and_host_checked(
    house: House, environment: str, network: str, url: str, said: str | None
) -> None:
    house.replace('"production"', f'"{environment}"').replace('"ethereum"', network)
    house.secret("b", url)
    if said is None:
        assert house.load().endpoints[1].http.reveal() == url
        return
    mistake = house.only_mistake()
    assert mistake.startswith(f"chain.endpoints[b].http ({house.b}) ")
    assert said in mistake
    assert url not in mistake


@pytest.mark.parametrize(("url", "good"), [("wss://b.example/x", True), ("https://b.example/x", False)])
def test_endpoints__subscription_url__needs_ws(house: House, url: str, *, good: bool) -> None:
    house.replace('name = "b"\n', f'name = "b"\nws = "{house.secret("ws", url)}"\n')
    if good:
        ws = house.load().endpoints[1].ws
        assert ws is not None
        assert ws.reveal() == url
    else:
        assert "must hold a URL that begins with wss://" in house.only_mistake()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("trip_hf = 1.8\nresume_hf = 2", "limits.trip_hf = 1.8 must be under limits.warn_hf = 1.8"),
        ("hard_floor_hf = 1.6", "limits.hard_floor_hf = 1.6 must be under limits.trip_hf = 1.6"),
        ("resume_hf = 1.64", "limits.resume_hf = 1.64 must be at least 0.05 above limits.trip_hf = 1.6"),
    ],
)
def test_limits__out_of_order__refused(house: House, lines: str, said: str) -> None:
    assert said in house.add(f"[limits]\n{lines}").only_mistake()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - what is refused
def test_http__open_to_others__only_where_meant(house: House, host: str) -> None:
    house.add(f'[http]\nhost = "{host}"')
    assert "can be reached from other machines" in house.only_mistake()
    assert house.add("exposed = true").load().settings.http.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_http__loopback__taken(house: House, host: str) -> None:
    assert house.add(f'[http]\nhost = "{host}"').load().settings.http.host == host


def test_http__any_port__on_the_devnet_only(house: House) -> None:
    house.add("[http]\nport = 0")
    assert "http.port = 0 (any free port) is taken on the devnet only" in house.only_mistake()
    house.replace('"production"', '"devnet"').replace('"ethereum"', DEVNET)
    assert house.load().settings.http.port == 0


def test_http__short_token__refused(house: House) -> None:
    house.add(f'[http]\nestop_token = "{house.secret("token", "short-one")}"')
    mistake = house.only_mistake()
    assert "http.estop_token" in mistake
    assert "at least 24 random characters" in mistake
    assert "short-one" not in mistake


def test_checksum__no_address__raises() -> None:
    with pytest.raises(ValueError, match="40 hex digits"):
        checksum("0x12")


@pytest.mark.parametrize("names", ['"taro"', '"taro", "taro"'])
def test_resumers__one_alone_in_production__refused(house: House, names: str) -> None:
    house.add(f"[estop]\nresumers = [{names}]")
    assert "estop.resumers names taro alone" in house.only_mistake()
    house.replace('"production"', '"staging"').replace('"ethereum"', '"sepolia"')
    house.load()


@pytest.mark.parametrize("name", ["", "taro yamada", "taro:x", "x" * 33, "1000"])
def test_resumers__no_name_of_a_user__refused(house: House, name: str) -> None:
    assert "estop.resumers" in house.add(f'[estop]\nresumers = ["hanako", "{name}"]').only_mistake()
