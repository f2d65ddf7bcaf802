import type { Strategy } from '../../src/migration/strategy.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readMigrations } from '../../src/postgres/migration-ledgers.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';

/** More are not named. */
const NAMED = 5;

/**
 * Whether both databases have run the same migrations, by what the frameworks note of them: the new app was deployed, and
 * its release command run, against what the new side holds.
 */
export async function migrationsFinding(
  { oldSide, newSide, signal }: Pick<Parties, 'oldSide' | 'newSide' | 'signal'>,
  strategy: Strategy,
): Promise<Finding> {
  const what = 'no migration of the schema is pending';
  const session = { applicationName: 'h2d migrations', statementTimeoutMs: 30_000, signal };
  const [old, young] = await Promise.all([
    withConnection(oldSide.database, session, readMigrations),
    withConnection(newSide.owner, session, readMigrations),
  ]);
  if (old.length === 0 && young.length === 0) {
    return { what, found: 'neither side has a table in which a known framework notes them' };
  }
  const key = ({ table, name }: { table: string; name: string }): string => `${name} (${table})`;
  const [here, there] = [new Set(old.map(key)), new Set(young.map(key))];
  const onlyOld = [...here].filter((one) => !there.has(one));
  const onlyNew = [...there].filter((one) => !here.has(one));
  if (onlyNew.length > 0) {
    return {
      what,
      found: `the new side has run what Heroku has not: ${listed(onlyNew)}`,
      remedy:
        'Run these migrations on Heroku first, by a deploy of the commit that has them; then run migrate.yml again, and have the new plan approved.',
    };
  }
  if (onlyOld.length > 0) {
    return {
      what,
      found: `Heroku has run what the new side has not: ${listed(onlyOld)}`,
      remedy:
        strategy === 'live'
          ? 'Run migrate-db with `command: catch-up`; if it says that the schema has changed, run migrate.yml again from assess on.'
          : 'Run migrate-db with `command: copy` again, then provision with `stage: application`.',
    };
  }
  return { what, found: `both sides have run the same ${here.size}` };
}

function listed(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}
