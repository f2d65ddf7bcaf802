import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** `npm test` proves every promise on a small world; `--full` (npm run test:full) adds the full matrix and the size claims. */
const require = createRequire(import.meta.url);
const full = process.argv.includes('--full');
const jest = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js'),
    // Once all is told and torn down: Node 24.19 has been seen to go round for ever in its own clean-up of handles.
    '--forceExit',
    ...process.argv.slice(2).filter((argument) => argument !== '--full'),
  ],
  { stdio: 'inherit', env: { ...process.env, TEST_FULL: full ? '1' : '' } },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => jest.kill(signal));
jest.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
