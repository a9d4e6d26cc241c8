// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A price feed that anybody may set, in the shape of a Chainlink aggregator. For local chains only.
/// An L2 sequencer uptime feed has the same shape: answer 0 is up, 1 is down, and startedAt is since when.
contract MockFeed {
  event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

  uint8 public constant decimals = 8;
  string public description;
  int256 public latestAnswer;
  uint256 public latestTimestamp;
  uint80 public latestRound;

  constructor(string memory what, int256 answer, uint256 updatedAt) {
    description = what;
    set(answer, updatedAt);
  }

  function set(int256 answer) external {
    set(answer, block.timestamp);
  }

  function set(int256 answer, uint256 updatedAt) public {
    latestAnswer = answer;
    latestTimestamp = updatedAt;
    latestRound += 1;
    emit AnswerUpdated(answer, latestRound, updatedAt);
  }

  /// The same answer again, as of now: what a real feed does at each heartbeat.
  function refresh() external {
    set(latestAnswer, block.timestamp);
  }

  function latestRoundData()
    external
    view
    returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
  {
    return (latestRound, latestAnswer, latestTimestamp, latestTimestamp, latestRound);
  }
}

/// A price source that answers with a price and no time, as Aave's price adapters do.
contract BareFeed {
  uint8 public constant decimals = 8;
  int256 public immutable latestAnswer;

  constructor(int256 answer) {
    latestAnswer = answer;
  }
}
