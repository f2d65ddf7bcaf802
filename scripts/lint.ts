import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** ESLint's strict rules and Prettier's form; `--fix` mends what can be mended. */
const require = createRequire(import.meta.url);
const fix = process.argv.includes('--fix');
const bin = (name: string, file: string) => join(dirname(require.resolve(`${name}/package.json`)), file);
const runs = [
  [bin('eslint', 'bin/eslint.js'), '.', '--max-warnings', '0', ...(fix ? ['--fix'] : [])],
  [bin('prettier', 'bin/prettier.cjs'), fix ? '--write' : '--check', '--log-level', 'warn', '.'],
];
const failed = runs.filter((run) => spawnSync(process.execPath, run, { stdio: 'inherit' }).status !== 0);
process.exit(failed.length === 0 ? 0 : 1);
