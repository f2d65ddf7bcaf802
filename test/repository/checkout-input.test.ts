import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';
import { checkoutItems } from '../../actions/assess/checkout.ts';
import type { Edge } from '../../src/github/run.ts';
import { inputsFrom } from '../../src/github/inputs.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { silentLog } from '../../src/log.ts';
import { checkout, itemOf } from './support/checkout.ts';

/** Only what the reader of the checkout asks for. */
const inventory = {
  app: { name: 'shop', webUrl: 'https://shop-1a2b3c.herokuapp.com/' },
  configVars: null,
  processTypes: null,
  domains: [],
  formation: [],
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

test('the workspace is read when it is a checkout', async () => {
  const root = await checkout({ 'a.rb': '"https://shop-1a2b3c.herokuapp.com"\n' });
  const before = await checkoutItems(edge(root), inventory);
  expect(before.map(({ what }) => what)).toEqual(['the repository was not looked at']);
  await mkdir(join(root, '.git'));
  const items = await checkoutItems(edge(root), inventory);
  expect(itemOf(items, 'repository/heroku-host/shop-1a2b3c.herokuapp.com').what).toContain(
    "the app's own host",
  );
});

test('a path that is given is read, and refused when it is none', async () => {
  const workspace = await checkout({});
  const root = await checkout({ 'api/Procfile': 'web: puma\n' });
  const given = { 'repository-path': root, 'repository-directory': 'api' };
  expect((await checkoutItems(edge(workspace, given), inventory)).map(({ id }) => id)).toContain(
    'repository/checkout',
  );
  await expect(
    checkoutItems(edge(workspace, { 'repository-path': `${root}/no` }), inventory),
  ).rejects.toThrow('There is no checkout at');
});
