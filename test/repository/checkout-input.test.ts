import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';
import { checkoutItems, readCheckout } from '../../actions/assess/checkout.ts';
import type { Edge } from '../../src/github/run.ts';
import { inputsFrom } from '../../src/github/inputs.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { silentLog } from '../../src/log.ts';
import type { Item } from '../../src/migration/item.ts';
import { checkout, itemOf } from './support/checkout.ts';

/** Only what the reader of the checkout asks for. */
const inventory = {
  app: { name: 'shop', webUrl: 'https://shop-1a2b3c.herokuapp.com/' },
  configVars: null,
  processTypes: null,
  domains: [],
  formation: [{ type: 'web', quantity: 3, size: 'Standard-1X', command: 'puma' }],
} as unknown as HerokuInventory;

function edge(workspace: string, inputs: Record<string, string> = {}): Edge {
  const some: Partial<Edge> = {
    inputs: inputsFrom(
      (name) => inputs[name],
      () => undefined,
    ),
    log: silentLog,
    environment: { workspace } as Edge['environment'],
  };
  return some as Edge;
}

async function itemsOf(given: Edge, connectionLimit?: number): Promise<Item[]> {
  return checkoutItems(await readCheckout(given), inventory, connectionLimit);
}

test('the workspace is read when it is a checkout', async () => {
  const root = await checkout({ 'a.rb': '"https://shop-1a2b3c.herokuapp.com"\n' });
  const before = await itemsOf(edge(root));
  expect(before.map(({ what }) => what)).toEqual(['the repository was not looked at']);
  await mkdir(join(root, '.git'));
  const items = await itemsOf(edge(root));
  expect(itemOf(items, 'repository/heroku-host/shop-1a2b3c.herokuapp.com').what).toContain(
    "the app's own host",
  );
});

test('a path that is given is read, and refused when it is none', async () => {
  const workspace = await checkout({});
  const root = await checkout({ 'api/Procfile': 'web: puma\n' });
  const given = { 'repository-path': root, 'repository-directory': 'api' };
  expect((await itemsOf(edge(workspace, given))).map(({ id }) => id)).toContain('repository/checkout');
  await expect(itemsOf(edge(workspace, { 'repository-path': `${root}/no` }))).rejects.toThrow(
    'There is no checkout at',
  );
});

test('pools are held against what the new cluster takes', async () => {
  const root = await checkout({
    Procfile: 'web: bundle exec puma -C config/puma.rb\n',
    Gemfile: "source 'https://rubygems.org'\ngem 'puma'\n",
    'config/puma.rb': 'workers 2\nthreads 5, 5\n',
  });
  const given = edge(root, { 'repository-path': root });
  const enough = itemOf(await itemsOf(given, 97), 'repository/connections');
  expect(enough).toMatchObject({ verdict: 'automatic', becomes: 'as many, of 97' });
  const few = itemOf(await itemsOf(given, 22), 'repository/connections');
  expect(few).toMatchObject({ verdict: 'decide', what: expect.stringContaining('takes 22') });
});
