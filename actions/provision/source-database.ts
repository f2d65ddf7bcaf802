import { readSource, requirePostgres } from '../../src/migration/source.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readPreparationFacts, type PreparationFacts } from '../../src/postgres/facts.ts';
import { readStartValues } from '../../src/postgres/settings.ts';
import { herokuOf } from '../parties.ts';
import type { Provisioning } from './provision.ts';

/** What the new database must be like, as Heroku's is at this moment. */
export interface SourceDatabase {
  facts: PreparationFacts;
  /** Of each setting, the value that the application's sessions start with, in the setting's own unit. */
  startValues: ReadonlyMap<string, string>;
}

/**
 * Reads extensions, search path and settings from Heroku's database itself: they may be others than on the day of the
 * plan. Needs a second, reads catalogues only, and waits for no lock of a table.
 */
export async function readSourceDatabase(p: Provisioning): Promise<SourceDatabase> {
  const { edge, plan } = p;
  const source = await readSource(herokuOf(edge), plan.herokuApp, edge);
  const address = requirePostgres(source, plan.herokuApp);
  const options = { applicationName: 'h2d provision', log: edge.log, signal: edge.signal };
  return withConnection(address, options, async (client) => {
    const facts = await readPreparationFacts(client);
    return { facts, startValues: await readStartValues(client, Object.keys(facts.settings)) };
  });
}
