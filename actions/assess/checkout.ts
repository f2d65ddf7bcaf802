import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Edge } from '../../src/github/run.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import type { Item } from '../../src/migration/item.ts';
import { readRepository, type RepositoryFacts } from '../../src/repository/read-repository.ts';
import { repositoryItems, repositoryNotRead, type AppKnown } from '../../src/repository/repository-items.ts';

/** What the application's repository holds, or why nobody looked. */
export type Checkout = { facts: RepositoryFacts } | { notRead: string };

/**
 * Reads the application's repository: at `repository-path`, or in the workspace when a checkout is there.
 *
 * @throws ConfigurationError when an input names a directory that does not exist.
 */
export async function readCheckout(edge: Edge): Promise<Checkout> {
  const given = edge.inputs.optional('repository-path');
  const { workspace } = edge.environment;
  if (given === undefined && !(await isCheckout(workspace))) {
    return { notRead: 'there is no checkout in the workspace, and the input repository-path is empty' };
  }
  const subdirectory = edge.inputs.optional('repository-directory');
  const facts = await readRepository(given ?? workspace, subdirectory === undefined ? {} : { subdirectory });
  edge.log.info(
    `${facts.files.scanned.toLocaleString('en-US')} files of code and settings read; nothing of them was executed.`,
  );
  return { facts };
}

/** @param connectionLimit what the new cluster takes; undefined while no size is chosen */
export function checkoutItems(
  checkout: Checkout,
  inventory: HerokuInventory,
  connectionLimit: number | undefined,
): Item[] {
  if ('notRead' in checkout) return repositoryNotRead(checkout.notRead);
  const known = knownOf(inventory);
  return repositoryItems(checkout.facts, {
    ...known,
    ...(connectionLimit === undefined ? {} : { connectionLimit }),
  });
}

/** A workspace may hold nothing but migration.yml and a record. */
async function isCheckout(directory: string): Promise<boolean> {
  return stat(join(directory, '.git')).then(
    () => true,
    () => false,
  );
}

function knownOf({ app, configVars, processTypes, domains, formation }: HerokuInventory): AppKnown {
  const web = app.webUrl === null ? null : URL.parse(app.webUrl);
  return {
    appName: app.name,
    configVarNames: configVars?.map(({ name }) => name) ?? null,
    processTypes,
    herokuHosts: [
      ...domains.filter(({ kind }) => kind === 'heroku').map(({ hostname }) => hostname),
      ...(web === null ? [] : [web.hostname]),
    ],
    formation: formation.map(({ type, quantity }) => ({ type, quantity })),
  };
}
