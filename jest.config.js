import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '<rootDir>/scripts/strip-types.mjs' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testSequencer: '<rootDir>/scripts/longest-first.mjs',
  globalSetup: '<rootDir>/test/contracts/setup.mjs',
  globalTeardown: '<rootDir>/test/contracts/teardown.mjs',
  // Some times what the longest take on an idle machine: only what hangs is ended.
  testTimeout: 120_000,
  clearMocks: true,
  // Most of a test's time is waiting for real servers, so that two at a time suit two cores; a test brings several
  // servers along, so that more cores are not all for tests.
  maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
  // Not among the machine's temporary files, where it would stay.
  cacheDirectory: '<rootDir>/.cache/jest',
};
