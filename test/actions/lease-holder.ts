import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { openJournal } from '../../src/migration/journal.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';

// A cutover in a process of its own, to be killed: it holds the lease, has turned maintenance mode on (`begun`), is past
// its point of no return (`switched`), or has opened the new side, too (`served`), and goes on.
const [url = '', runId = '', how = 'begun'] = process.argv.slice(2);
const journal = await openJournal(parsePostgresUrl(url, { mode: 'off' }), 'shop-staging');
const holder = {
  runId,
  runAttempt: 1,
  actor: 'ada',
  runUrl: `https://github.com/acme/shop/actions/runs/${runId}`,
};
const lease = await acquireLease(journal, { holder, log: silentLog, clock: systemClock });
await journal.begin(lease, {
  phase: 'cutover',
  name: 'maintenance-mode',
  prior: null,
  pointOfNoReturn: false,
});
const done = async (name: string, pointOfNoReturn: boolean): Promise<void> => {
  const step = await journal.begin(lease, { phase: 'cutover', name, prior: null, pointOfNoReturn });
  await journal.finish(lease, step.id, null);
};
if (how !== 'begun') await done('point-of-no-return', true);
if (how === 'served') await done('open-new-side', false);
process.stdout.write('acting\n');
setInterval(() => undefined, 60_000);
