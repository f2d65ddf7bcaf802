import { expect, test } from '@jest/globals';
import pg from 'pg';
import { createAuthority } from '../../../rehearsal/servers/certificates.ts';
import { freePort } from '../../../rehearsal/servers/free-port.ts';
import { startPostgres } from '../../../rehearsal/servers/postgres.ts';
import { freshDatabase, testPostgres } from '../../support/servers.ts';

async function ask(url: string, ssl?: pg.ClientConfig['ssl']): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, ...(ssl === undefined ? {} : { ssl }) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: string }>('select current_user as answer');
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

test('over TCP everybody needs the right password, also the superuser', async () => {
  const server = await testPostgres();
  expect(await ask(server.url('postgres'))).toBe('postgres');
  await expect(ask(server.url('postgres', 'postgres', 'guess'))).rejects.toMatchObject({ code: '28P01' });
});

test('a fresh database belongs to a role of its own that is no superuser', async () => {
  const one = await freshDatabase({ sql: 'create table things (id int primary key)' });
  const other = await freshDatabase();
  expect(await ask(one.url)).toBe(one.owner.user);
  const [row] = await one.query<{ super: boolean; owner: string }>(
    `select rolsuper as super, tableowner as owner from pg_roles join pg_tables on tableowner = rolname where tablename = 'things'`,
  );
  expect(row).toEqual({ super: false, owner: one.owner.user });
  expect(other.database).not.toBe(one.database);
});

test('two servers beside each other share nothing', async () => {
  const [first, second] = await Promise.all([
    startPostgres({ name: 'first' }),
    startPostgres({ name: 'second' }),
  ]);
  await first.query('postgres', 'create table only_here ()');
  expect(await second.query('postgres', `select to_regclass('only_here') as found`)).toEqual([
    { found: null },
  ]);
  expect(first.port).not.toBe(second.port);
  await expect(ask(second.url('postgres', 'postgres', first.superuser.password))).rejects.toMatchObject({
    code: '28P01',
  });
});

test('a killed server comes back on its port with what was committed', async () => {
  const server = await startPostgres({ name: 'crash' });
  const { port } = server;
  await server.query('postgres', 'create table kept as select 42 as answer');
  await server.kill9();
  await expect(ask(server.url('postgres'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await server.restart();
  expect(server.port).toBe(port);
  expect(await server.query('postgres', 'select answer from kept')).toEqual([{ answer: 42 }]);
});

test('with TLS, plain connections are refused, and the certificate holds only for those who know its authority', async () => {
  const authority = await createAuthority('Rehearsal');
  const server = await startPostgres({
    name: 'tls',
    tls: await authority.issue(['127.0.0.1', 'db.example.com']),
  });
  await expect(ask(server.url('postgres'))).rejects.toMatchObject({ code: '28000' });
  expect(await ask(server.url('postgres'), { ca: authority.pem })).toBe('postgres');
  await expect(ask(server.url('postgres'), { rejectUnauthorized: true })).rejects.toThrow(/certificate/);
  const stranger = await createAuthority('Rehearsal');
  await expect(ask(server.url('postgres'), { ca: stranger.pem })).rejects.toThrow(/certificate/);
});

test('a setting that the server does not know is told with the end of its log', async () => {
  await expect(startPostgres({ name: 'bad', settings: { no_such_setting: 'on' } })).rejects.toThrow(
    /no_such_setting/,
  );
});

test('a port that was taken in the meantime is given up for another', async () => {
  const other = await testPostgres();
  const offered = [other.port, await freePort()];
  const choosePort = (): Promise<number> => Promise.resolve(offered.shift() ?? 0);
  const server = await startPostgres({ name: 'taken', choosePort });
  expect(offered).toEqual([]);
  expect(server.port).not.toBe(other.port);
});
