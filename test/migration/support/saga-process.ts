// One run of the small cutover in a process of its own, which kills itself at the nth edge:
// `node saga-process.ts <database url> <attempt> <edge to die at> [name of the step that fails]`.
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import type { StepJournal } from '../../../src/migration/journal.ts';
import { openJournal } from '../../../src/migration/journal.ts';
import { acquireLease } from '../../../src/migration/lease.ts';
import { runSteps } from '../../../src/migration/saga.ts';
import { connect, parsePostgresUrl } from '../../../src/postgres/connect.ts';
import { cutoverSteps, worldOf } from './world.ts';

const [url = '', attempt = '1', dieAt = '0', failing = ''] = process.argv.slice(2);
let edge = 0;

function edgeReached(place: string): void {
  edge += 1;
  if (edge !== Number(dieAt)) return;
  process.stdout.write(`died at ${place}\n`);
  process.kill(process.pid, 'SIGKILL');
}

const world = worldOf(
  await connect(parsePostgresUrl(url, { mode: 'off' }), { applicationName: 'world' }),
);
const journal = await openJournal(parsePostgresUrl(url, { mode: 'off' }), 'shop-staging');
const lease = await acquireLease(journal, {
  holder: { runId: '7', runAttempt: Number(attempt), actor: 'ada', runUrl: '' },
  log: silentLog,
  clock: systemClock,
});

/** The journal, with an edge before and after each of its commits. */
const edged: StepJournal = {
  steps: (phase) => journal.steps(phase),
  begin: (writer, step) => around(`intent of ${step.name}`, () => journal.begin(writer, step)),
  finish: (writer, id, result) => around('result', () => journal.finish(writer, id, result)),
  fail: (writer, id, reason) => around('failure', () => journal.fail(writer, id, reason)),
  beginUndo: (writer, ids, reason) => around('begin of undo', () => journal.beginUndo(writer, ids, reason)),
  finishUndo: (writer, id) => around('end of undo', () => journal.finishUndo(writer, id)),
};
async function around<T>(what: string, write: () => Promise<T>): Promise<T> {
  edgeReached(`before the ${what}`);
  const written = await write();
  edgeReached(`after the ${what}`);
  return written;
}

const steps = cutoverSteps(world, (place) => {
  edgeReached(place);
  if (failing !== '' && place === `${failing}:after act`) throw new Error(`${failing} broke`);
});
try {
  await runSteps(edged, lease, steps, { phase: 'cutover', log: silentLog, clock: systemClock });
  process.stdout.write(`finished after ${edge} edges\n`);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.name : 'thrown'} after ${edge} edges\n`);
}
process.exit();
