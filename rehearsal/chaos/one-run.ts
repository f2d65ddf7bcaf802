import { cleanUpOnExit } from '../servers/process.ts';
import { chaosRun } from './run.ts';

// The program of one run: what happens on standard error, its verdict in one line of JSON on standard output.
cleanUpOnExit();
const verdict = await chaosRun(Number(process.argv[2]), (line) => process.stderr.write(`${line}\n`));
process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit());
