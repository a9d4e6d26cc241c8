"""Why a contract refused a call: Aave's errors by name, and what they mean for whoever runs a position.

Sources: aave-v3-origin `Errors.sol` of v3.4.0 to v3.7 (custom errors), of v3.1.0 and v3.3.0 (numbers as texts);
Solidity's `Error(string)` and `Panic(uint256)` (https://docs.soliditylang.org/en/latest/control-structures.html);
OpenZeppelin's `draft-IERC6093.sol`.
"""

import re

from Crypto.Hash import keccak

from ultrad.adapters.chain import abi
from ultrad.adapters.chain.abi import WORD, Malformed
from ultrad.adapters.chain.rpc import NodeRefused
from ultrad.i18n import Message, msg

MAX_TEXT = 100
"""Characters of a contract's own text that are shown."""
REVERTED = 3
"""The error code of a call that a contract refused (geth; most follow it)."""
_ERROR, _PANIC = "08c379a0", "4e487b71"  # Error(string), Panic(uint256)
_REFUSED = re.compile(
    r"revert|out of gas|gas required exceeds|intrinsic gas|invalid opcode|insufficient funds",
    re.IGNORECASE,
)
"""A node's words for a call that cannot succeed, as against a node that cannot run it."""

_CUSTOM = """
    AclAdminCannotBeZero() AddressesProviderAlreadyAdded() AddressesProviderNotRegistered()
    AssetNotBorrowableInIsolation() AssetNotListed() BorrowCapExceeded() BorrowingNotEnabled()
    CallerMustBePool() CallerNotAToken() CallerNotAssetListingOrPoolAdmin() CallerNotPoolAdmin()
    CallerNotPoolConfigurator() CallerNotPoolOrEmergencyAdmin() CallerNotPositionManager()
    CallerNotRiskOrPoolAdmin() CallerNotRiskOrPoolOrEmergencyAdmin() CallerNotUmbrella()
    CollateralBalanceIsZero() CollateralCannotBeLiquidated() CollateralCannotCoverNewBorrow()
    DebtCeilingExceeded() DebtCeilingNotZero() EModeCategoryReserved() FlashloanDisabled()
    FlashloanPremiumInvalid() HealthFactorLowerThanLiquidationThreshold() HealthFactorNotBelowThreshold()
    InconsistentEModeCategory() InconsistentFlashloanParams() InconsistentParamsLength()
    InvalidAddressesProvider() InvalidAddressesProviderId() InvalidAmount() InvalidBorrowCap()
    InvalidBurnAmount() InvalidCollateralInEmode(address,uint256) InvalidDebtCeiling()
    InvalidDebtInEmode(address,uint256) InvalidDecimals() InvalidEmodeCategoryParams() InvalidExpiration()
    InvalidFlashloanExecutorReturn() InvalidFreezeState() InvalidGracePeriod() InvalidInterestRateModeSelected()
    InvalidLiquidationBonus() InvalidLiquidationProtocolFee() InvalidLiquidationThreshold() InvalidLtv()
    InvalidLtvzeroState() InvalidMaxRate() InvalidMintAmount() InvalidOptimalUsageRatio() InvalidReserveFactor()
    InvalidReserveIndex() InvalidReserveParams() InvalidSignature() InvalidSupplyCap()
    LiquidationGraceSentinelCheckFailed() LtvValidationFailed() MustBeEmodeCollateral(address,uint256)
    MustNotLeaveDust() NoDebtOfSelectedType() NoExplicitAmountToRepayOnBehalf() NoMoreReservesAllowed()
    NotBorrowableInEMode() NotContract() NotEnoughAvailableUserBalance() OperationNotSupported()
    PoolAddressesDoNotMatch() PriceOracleSentinelCheckFailed() ReserveAlreadyAdded() ReserveAlreadyInitialized()
    ReserveDebtNotZero() ReserveFrozen() ReserveInactive() ReserveLiquidityNotZero() ReserveNotInDeficit()
    ReservePaused() SelfLiquidation() SiloedBorrowingViolation() Slope2MustBeGteSlope1()
    SpecifiedCurrencyNotBorrowedByUser() SupplyCapExceeded() SupplyToAToken() UnderlyingBalanceZero()
    UnderlyingCannotBeRescued() UnderlyingClaimableRightsNotZero() UserCannotHaveDebt()
    UserHasAssetWithZeroLtv() UserInIsolationModeOrLtvZero() VariableDebtSupplyNotZero() WithdrawToAToken()
    ZeroAddressNotValid()
    InsufficientBorrowAllowance(address,uint256,uint256) ERC20InsufficientAllowance(address,uint256,uint256)
    ERC20InsufficientBalance(address,uint256,uint256) SafeERC20FailedOperation(address)
    SafeCastOverflowedUintDowncast(uint8,uint256) FailedCall() AddressEmptyCode(address)
"""
_NUMBERED = """
    1=CALLER_NOT_POOL_ADMIN 2=CALLER_NOT_EMERGENCY_ADMIN 3=CALLER_NOT_POOL_OR_EMERGENCY_ADMIN
    4=CALLER_NOT_RISK_OR_POOL_ADMIN 5=CALLER_NOT_ASSET_LISTING_OR_POOL_ADMIN 6=CALLER_NOT_BRIDGE
    7=ADDRESSES_PROVIDER_NOT_REGISTERED 8=INVALID_ADDRESSES_PROVIDER_ID 9=NOT_CONTRACT
    10=CALLER_NOT_POOL_CONFIGURATOR 11=CALLER_NOT_ATOKEN 12=INVALID_ADDRESSES_PROVIDER
    13=INVALID_FLASHLOAN_EXECUTOR_RETURN 14=RESERVE_ALREADY_ADDED 15=NO_MORE_RESERVES_ALLOWED
    16=EMODE_CATEGORY_RESERVED 17=INVALID_EMODE_CATEGORY_ASSIGNMENT 18=RESERVE_LIQUIDITY_NOT_ZERO
    19=FLASHLOAN_PREMIUM_INVALID 20=INVALID_RESERVE_PARAMS 21=INVALID_EMODE_CATEGORY_PARAMS
    22=BRIDGE_PROTOCOL_FEE_INVALID 23=CALLER_MUST_BE_POOL 24=INVALID_MINT_AMOUNT 25=INVALID_BURN_AMOUNT
    26=INVALID_AMOUNT 27=RESERVE_INACTIVE 28=RESERVE_FROZEN 29=RESERVE_PAUSED 30=BORROWING_NOT_ENABLED
    31=STABLE_BORROWING_NOT_ENABLED 32=NOT_ENOUGH_AVAILABLE_USER_BALANCE 33=INVALID_INTEREST_RATE_MODE_SELECTED
    34=COLLATERAL_BALANCE_IS_ZERO 35=HEALTH_FACTOR_LOWER_THAN_LIQUIDATION_THRESHOLD
    36=COLLATERAL_CANNOT_COVER_NEW_BORROW 37=COLLATERAL_SAME_AS_BORROWING_CURRENCY
    38=AMOUNT_BIGGER_THAN_MAX_LOAN_SIZE_STABLE 39=NO_DEBT_OF_SELECTED_TYPE
    40=NO_EXPLICIT_AMOUNT_TO_REPAY_ON_BEHALF 41=NO_OUTSTANDING_STABLE_DEBT 42=NO_OUTSTANDING_VARIABLE_DEBT
    43=UNDERLYING_BALANCE_ZERO 44=INTEREST_RATE_REBALANCE_CONDITIONS_NOT_MET
    45=HEALTH_FACTOR_NOT_BELOW_THRESHOLD 46=COLLATERAL_CANNOT_BE_LIQUIDATED
    47=SPECIFIED_CURRENCY_NOT_BORROWED_BY_USER 49=INCONSISTENT_FLASHLOAN_PARAMS 50=BORROW_CAP_EXCEEDED
    51=SUPPLY_CAP_EXCEEDED 52=UNBACKED_MINT_CAP_EXCEEDED 53=DEBT_CEILING_EXCEEDED
    54=UNDERLYING_CLAIMABLE_RIGHTS_NOT_ZERO 55=STABLE_DEBT_NOT_ZERO 56=VARIABLE_DEBT_SUPPLY_NOT_ZERO
    57=LTV_VALIDATION_FAILED 58=INCONSISTENT_EMODE_CATEGORY 59=PRICE_ORACLE_SENTINEL_CHECK_FAILED
    60=ASSET_NOT_BORROWABLE_IN_ISOLATION 61=RESERVE_ALREADY_INITIALIZED 62=USER_IN_ISOLATION_MODE_OR_LTV_ZERO
    63=INVALID_LTV 64=INVALID_LIQ_THRESHOLD 65=INVALID_LIQ_BONUS 66=INVALID_DECIMALS 67=INVALID_RESERVE_FACTOR
    68=INVALID_BORROW_CAP 69=INVALID_SUPPLY_CAP 70=INVALID_LIQUIDATION_PROTOCOL_FEE 71=INVALID_EMODE_CATEGORY
    72=INVALID_UNBACKED_MINT_CAP 73=INVALID_DEBT_CEILING 74=INVALID_RESERVE_INDEX 75=ACL_ADMIN_CANNOT_BE_ZERO
    76=INCONSISTENT_PARAMS_LENGTH 77=ZERO_ADDRESS_NOT_VALID 78=INVALID_EXPIRATION 79=INVALID_SIGNATURE
    80=OPERATION_NOT_SUPPORTED 81=DEBT_CEILING_NOT_ZERO 82=ASSET_NOT_LISTED 83=INVALID_OPTIMAL_USAGE_RATIO
    84=INVALID_OPTIMAL_STABLE_TO_TOTAL_DEBT_RATIO 85=UNDERLYING_CANNOT_BE_RESCUED
    86=ADDRESSES_PROVIDER_ALREADY_ADDED 87=POOL_ADDRESSES_DO_NOT_MATCH 88=STABLE_BORROWING_ENABLED
    89=SILOED_BORROWING_VIOLATION 90=RESERVE_DEBT_NOT_ZERO 91=FLASHLOAN_DISABLED 92=INVALID_MAX_RATE
    93=WITHDRAW_TO_ATOKEN 94=SUPPLY_TO_ATOKEN 95=SLOPE_2_MUST_BE_GTE_SLOPE_1
    96=CALLER_NOT_RISK_OR_POOL_OR_EMERGENCY_ADMIN 97=LIQUIDATION_GRACE_SENTINEL_CHECK_FAILED
    98=INVALID_GRACE_PERIOD 99=INVALID_FREEZE_STATE 100=NOT_BORROWABLE_IN_EMODE 101=CALLER_NOT_UMBRELLA
    102=RESERVE_NOT_IN_DEFICIT 103=MUST_NOT_LEAVE_DUST 104=USER_CANNOT_HAVE_DEBT
"""


def _selector(signature: str) -> str:
    return keccak.new(digest_bits=256, data=signature.encode()).hexdigest()[:8]


NAMES = {_selector(signature): signature.partition("(")[0] for signature in _CUSTOM.split()}
"""Custom errors by the first four bytes, since v3.4."""
NUMBERS = dict(pair.split("=") for pair in _NUMBERED.split())
"""What the numbers mean that pools until v3.3 give as their reason."""

_NOT_ENOUGH = msg("the wallet does not hold that much, or has not allowed the pool to take it")
_MEANINGS = {
    "AssetNotListed": msg("the asset is no reserve of this market; check the configured asset"),
    "CallerNotPositionManager": msg("the account may not act for the one that it named"),
    "DebtCeilingExceeded": msg("the debt ceiling of its isolated collateral is reached"),
    "ERC20InsufficientAllowance": _NOT_ENOUGH,
    "ERC20InsufficientBalance": _NOT_ENOUGH,
    "HealthFactorLowerThanLiquidationThreshold": msg("the position could be liquidated afterwards"),
    "InvalidAmount": msg("the amount is zero, or so small that it rounds to nothing"),
    "InvalidBurnAmount": msg("the amount is zero, or so small that it rounds to nothing"),
    "InvalidMintAmount": msg("the amount is zero, or so small that it rounds to nothing"),
    "LtvValidationFailed": msg("collateral that counts nothing for borrowing has to be withdrawn first"),
    "NoDebtOfSelectedType": msg("there is no debt to repay"),
    "NoOutstandingVariableDebt": msg("there is no debt to repay"),
    "NotEnoughAvailableUserBalance": msg("more than the account has supplied"),
    "OperationNotSupported": msg("this version of the pool does not do that"),
    "PriceOracleSentinelCheckFailed": msg("the L2's sequencer is down or in its grace time"),
    "ReserveFrozen": msg("Aave has frozen the reserve: nothing can be supplied, withdrawing still works"),
    "ReserveInactive": msg("Aave has switched the reserve off"),
    "ReservePaused": msg("Aave has paused the reserve: nothing moves until it is lifted"),
    "SafeERC20FailedOperation": msg("the token refused the transfer"),
    "SupplyCapExceeded": msg("the reserve is full; it takes more when others withdraw or the cap is raised"),
    "SupplyToAToken": msg("the account is the aToken's own contract; check the configured account"),
    "UnderlyingBalanceZero": msg("nothing of it is supplied"),
    "UserInIsolationModeOrLtvZero": msg("the asset cannot be collateral for this account"),
    "UserHasAssetWithZeroLtv": msg("the asset cannot be collateral for this account"),
    "WithdrawToAToken": msg("the account is the aToken's own contract; check the configured account"),
}
"""By the name of the custom error; the older names say the same in capitals."""


def verdict(error: NodeRefused) -> Message | None:
    """Why the call cannot succeed; None where it is the node that fails, which says nothing of the call."""
    if error.data is not None and (error.data or error.code == REVERTED):
        return reason(error.data)
    if error.code == REVERTED or _REFUSED.search(error.text):
        return msg("the node says of the call: {text}", text=error.text)
    return None


def reason(data: bytes) -> Message:
    """What a contract meant by the data that it reverted with."""
    selector = data[:4].hex()
    if not data:
        return msg("the contract refused the call and gave no reason")
    if selector == _ERROR:
        text = _text(data[4:])
        if text in NUMBERS:
            return _named(NUMBERS[text])
        return msg("the contract refused the call: {text}", text=text or "?")
    if selector == _PANIC:
        return msg(
            "the contract failed within itself (panic {code})", code=f"0x{data[4:].hex().lstrip('0') or '0'}"
        )
    if selector in NAMES:
        return _named(NAMES[selector])
    return msg("the contract refused the call with error 0x{selector}, which is not known here", selector=selector)


def _named(name: str) -> Message:
    meaning = _MEANINGS.get(name) or _MEANINGS.get("".join(word.capitalize() for word in name.split("_")))
    if meaning is None:
        return msg("Aave refused it: {name}", name=name)
    return msg("Aave refused it: {name} ({meaning})", name=name, meaning=meaning)


def _text(data: bytes) -> str:
    """The string of `Error(string)`; only what can be shown of it: its author chooses it."""
    try:
        size = abi.uint(data, 1) if abi.uint(data) == WORD else 0
    except Malformed:
        return ""
    raw = data[2 * WORD : 2 * WORD + min(size, len(data))].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in raw)[:MAX_TEXT]
