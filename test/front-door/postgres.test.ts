import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { openSession, type Session } from '../../src/front-door/program/postgres.ts';
import { followRow, type State } from '../../src/front-door/program/state-row.ts';
import { prepareFrontDoor, removeFrontDoor, setFrontDoor } from '../../src/front-door/state.ts';
import { freshDatabase, testPostgres } from '../support/servers.ts';
import { startOldDatabase, type OldDatabase } from './support/old-database.ts';

const ID = 'shop-staging';
let old: Promise<OldDatabase> | undefined;
const database = (): Promise<OldDatabase> => (old ??= startOldDatabase());
const sessions: Session[] = [];
const lines: string[] = [];
beforeEach(() => {
  jest.spyOn(console, 'log').mockImplementation((line: string) => lines.push(line));
});
afterEach(() => {
  jest.restoreAllMocks();
  for (const session of sessions.splice(0)) session.close();
});

async function open(url: string, limitMs?: number): Promise<Session> {
  const session = await openSession(url, limitMs);
  sessions.push(session);
  return session;
}

/** Whoever comes by network is asked for the password in this way. */
async function demand({ server }: OldDatabase, method: string): Promise<void> {
  const [hba] = await server.query<{ file: string }>(
    'postgres',
    `SELECT current_setting('hba_file') AS file`,
  );
  writeFileSync(hba?.file ?? '', `local all postgres trust\nhostssl all all 127.0.0.1/32 ${method}\n`);
  const [before] = await server.query<{ at: string }>('postgres', LOADED_AT);
  await server.query('postgres', 'SELECT pg_reload_conf()');
  // A new connection is let in by what the server has read by then, and begins with that.
  for (;;) {
    const [now] = await server.query<{ at: string }>('postgres', LOADED_AT);
    if (now?.at !== before?.at) return;
    await delay(20);
  }
}
const LOADED_AT = 'SELECT pg_conf_load_time()::text AS at';

/** A role whose password is stored in this way. */
async function role({ server, url }: OldDatabase, encryption: string, password: string): Promise<string> {
  const name = `by_${encryption.replaceAll('-', '_')}_${Math.random().toString(36).slice(2, 8)}`;
  await server.query(
    'postgres',
    `SET password_encryption = '${encryption}'; CREATE ROLE ${name} LOGIN PASSWORD '${password}'`,
  );
  return url.replace(/\/\/[^@]+@/, `//${name}:${encodeURIComponent(password)}@`);
}

test.each([
  ['scram-sha-256', 'scram-sha-256'],
  ['md5', 'md5'],
  ['password', 'scram-sha-256'],
])('logs in where the server asks by %s, encrypted, and reads', async (method, encryption) => {
  const there = await database();
  const url = await role(there, encryption, 'pä$s/wö:rd ⅷ');
  await demand(there, method);
  try {
    const session = await open(url);
    expect(
      await session.query(
        `SELECT ssl::text, NULL, '', application_name FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()`,
      ),
    ).toEqual([['true', null, '', 'h2d front-door']]);
    await expect(open(url.replace(/:[^:@]+@/, ':wrong@'))).rejects.toMatchObject({ code: '28P01' });
  } finally {
    await demand(there, 'scram-sha-256');
  }
});

test('a query that fails is an error by its code, and the session goes on; many rows come in pieces', async () => {
  const session = await open((await database()).url);
  await expect(session.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
  const rows = await session.query(`SELECT i, repeat('ä', 500) FROM generate_series(1, 2000) i`);
  expect(rows).toHaveLength(2000);
  expect(rows.at(-1)).toEqual(['2000', 'ä'.repeat(500)]);
});

test('a server that does not encrypt is told no password', async () => {
  const plain = await freshDatabase({ server: await testPostgres() });
  await expect(open(plain.url)).rejects.toMatchObject({ code: 'NO_TLS' });
});

test('a server that accepts and says nothing is given up', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = silent.address() as AddressInfo;
    await expect(open(`postgres://a:b@127.0.0.1:${port}/c`, 300)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    });
  } finally {
    silent.close();
  }
});

test('what cannot be read changes nothing: lost connections, a restarted server and a missing row', async () => {
  const there = await startOldDatabase();
  const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: there.server.port }) });
  const states: State[] = [];
  const url = there.url.replace(/@[^/]+\//, `@127.0.0.1:${proxy.port}/`);
  const over = new AbortController();
  const following = followRow({
    url,
    migrationId: ID,
    onState: (state) => states.push(state),
    signal: over.signal,
  });
  const next = async (state: State): Promise<void> => {
    states.length = 0;
    for (const deadline = Date.now() + 30_000; states.at(-1) !== state; await delay(10))
      if (Date.now() > deadline) throw new Error(`Never ${state}: ${states.join(' ')}`);
  };
  const saidAgain = async (code: string, before: number): Promise<void> => {
    for (const deadline = Date.now() + 30_000; !lines.slice(before).join().includes(code); await delay(10))
      if (Date.now() > deadline) throw new Error(`Never ${code}: ${lines.join('\n')}`);
  };
  // No row: nothing is known.
  await saidAgain('42P01', 0);
  await delay(300);
  expect(states).toEqual([]);
  await prepareFrontDoor(there.address, ID);
  await next('hold');
  await setFrontDoor(there.address, ID, 'forward');
  await next('forward');
  // Followed over one connection, about every tenth of a second.
  const connections = async (): Promise<number> =>
    (
      await there.server.query(
        'postgres',
        `SELECT FROM pg_stat_activity WHERE application_name = 'h2d front-door'`,
      )
    ).length;
  expect(await connections()).toBe(1);

  await there.server.restart();
  await next('forward');
  proxy.cut();
  await next('forward');
  const saidBefore = lines.length;
  await removeFrontDoor(there.address, ID);
  await saidAgain('42P01', saidBefore);
  states.length = 0;
  await delay(500);
  expect(states).toEqual([]);
  await prepareFrontDoor(there.address, ID);
  await next('hold');
  expect(await connections()).toBe(1);
  // Once each, with nothing but a code: no row, the restart, the cut, the removal.
  const codes = lines.map((line) => /cannot read its state \((\w+)\) and goes on as it is$/.exec(line)?.[1]);
  expect(codes).toEqual([
    '42P01',
    undefined,
    expect.stringMatching(/^(57P01|ECONNRESET)$/),
    undefined,
    expect.stringMatching(/^(ECONNRESET|EPIPE)$/),
    undefined,
    '42P01',
    undefined,
  ]);
  over.abort();
  await following;
  await proxy.close();
});
