/** A program that starts servers and then ends in the way that its argument names; the test looks at what is left. */
import { startPostgres } from '../../../rehearsal/servers/postgres.ts';
import { startProcess, stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { startRedis } from '../../../rehearsal/servers/redis.ts';

const ending = process.argv[2];
const directory = temporaryDirectory('leaving');
const postgres = await startPostgres({ name: 'leaving' });
const [backend] = await postgres.query<{ pid: number }>('postgres', 'select pg_backend_pid() as pid');
const busy = postgres.query('postgres', 'select pg_sleep(600)');
busy.catch(() => undefined);
const redis = await startRedis({ name: 'leaving', configuration: [] });
const stubborn = startProcess(process.execPath, [
  '-e',
  `process.on('SIGTERM', () => {}); require('child_process').spawn('sleep', ['600']); setInterval(() => {}, 1000);`,
]);

console.log(
  JSON.stringify({
    directories: [directory],
    pids: [redis.pid, stubborn.pid, backend?.pid],
    ports: [postgres.port, redis.port],
  }),
);
if (ending === 'exception') throw new Error('on purpose');
if (ending === 'exit') process.exit(3);
if (ending === 'normally') await stopAll();
else setInterval(() => undefined, 1000);
