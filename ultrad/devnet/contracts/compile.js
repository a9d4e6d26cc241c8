// node compile.js NODE_MODULES OUT.json
// Compiles the parts of Aave V3 that a market needs, and the feeds beside this file, to
// {contracts: {name: {bytecode, links: {library: [byte offset, …]}}}, errors: {selector: name}}.
'use strict';
const fs = require('fs');
const path = require('path');

const modules = path.resolve(process.argv[2]);
const out = process.argv[3];
const solc = require(path.join(modules, 'solc'));

const AAVE = 'aave/';
const aaveRoot = path.join(modules, '@aave-dao/aave-v3-origin/src/contracts/');
// Import prefixes as Aave's own remappings have them.
const roots = [
  [AAVE, aaveRoot],
  ['openzeppelin-contracts/', path.join(modules, '@openzeppelin/')],
  ['openzeppelin-contracts-upgradeable/', path.join(modules, '@openzeppelin/')],
  ['solidity-utils/', path.join(modules, '@bgd-labs/solidity-utils/src/')],
];
const wanted = [
  'helpers/AaveProtocolDataProvider.sol',
  'instances/ATokenInstance.sol',
  'instances/PoolConfiguratorInstance.sol',
  'instances/PoolInstance.sol',
  'instances/VariableDebtTokenInstance.sol',
  'misc/AaveOracle.sol',
  'misc/DefaultReserveInterestRateStrategyV2.sol',
  'mocks/tokens/MintableERC20.sol',
  'mocks/tokens/WETH9Mocked.sol',
  'protocol/configuration/ACLManager.sol',
  'protocol/configuration/PoolAddressesProvider.sol',
];

function resolve(name) {
  for (const [prefix, root] of roots) {
    if (name.startsWith(prefix)) {
      const file = path.join(root, name.slice(prefix.length));
      if (fs.existsSync(file)) return { contents: fs.readFileSync(file, 'utf8') };
    }
  }
  return { error: 'no such source: ' + name };
}

const sources = { 'MockFeed.sol': { content: fs.readFileSync(path.join(__dirname, 'MockFeed.sol'), 'utf8') } };
for (const name of wanted) sources[AAVE + name] = { content: fs.readFileSync(path.join(aaveRoot, name), 'utf8') };

const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'cancun',
  metadata: { bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.bytecode.linkReferences', 'abi'] } },
};
const input = JSON.stringify({ language: 'Solidity', sources, settings });
const result = JSON.parse(solc.compile(input, { import: resolve }));
const faults = (result.errors || []).filter((fault) => fault.severity === 'error');
if (faults.length) {
  for (const fault of faults) console.error(fault.formattedMessage);
  process.exit(1);
}

// solc lists only the functions' selectors; those of errors are the same hash of their signature.
const keccak = require(path.join(modules, 'js-sha3')).keccak256;
const kind = (input) =>
  input.type.startsWith('tuple') ? `(${input.components.map(kind).join(',')})${input.type.slice(5)}` : input.type;

const contracts = {};
const errors = {};
for (const file of Object.values(result.contracts)) {
  for (const [name, { abi, evm }] of Object.entries(file)) {
    for (const item of abi.filter((entry) => entry.type === 'error')) {
      errors['0x' + keccak(`${item.name}(${item.inputs.map(kind).join(',')})`).slice(0, 8)] = item.name;
    }
    if (!evm.bytecode.object) continue; // an interface
    const links = {};
    for (const libraries of Object.values(evm.bytecode.linkReferences)) {
      for (const [library, places] of Object.entries(libraries)) links[library] = places.map((place) => place.start);
    }
    contracts[name] = { bytecode: evm.bytecode.object, links };
  }
}
fs.writeFileSync(out, JSON.stringify({ contracts, errors }));
