import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Drainer } from '../../src/postgres/drain.ts';
import { draining, shopRows, shopSql } from './draining.ts';

/** A way to a server on which what is sent can be held back. */
async function heldBack(
  host: string,
  port: number,
): Promise<{ port: number; hold(): void; release(): void; close(): void }> {
  let held: (() => void)[] | undefined;
  const server = net.createServer((near) => {
    const far = net.connect(port, host);
    near.on('data', (bytes) => {
      if (held === undefined) far.write(bytes);
      else held.push(() => far.write(bytes));
    });
    far.on('data', (bytes) => near.write(bytes));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    hold: () => {
      held = [];
    },
    release: () => {
      for (const send of held ?? []) send();
      held = undefined;
    },
    close: () => server.close(),
  };
}

test('a drain that gets the target’s lock late does not put back what a twin with a newer snapshot wrote', async () => {
  const { sides, source, target, options, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  const { owner, loader } = sides.target;
  const way = await heldBack(loader.host, loader.port);
  const late = new Drainer({ ...sides, target: { owner, loader: { ...loader, port: way.port } } }, options);
  await late.prepare();
  await source.query(`UPDATE users SET note = 'older' WHERE id = 1`);
  way.hold();
  const outcome = late.pass({ tables: 'all' });
  await delay(300);
  await source.query(`UPDATE users SET note = 'newer' WHERE id = 1`);
  await pass();
  way.release();
  await outcome;
  await late.close();
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
  way.close();
});
