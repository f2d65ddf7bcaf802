import type pg from 'pg';
import { z } from 'zod';

import { latestSection } from '../../src/migration/record.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { compareShapes, describeDifference, readBaseline, readShape } from '../../src/postgres/drift.ts';
import { schemaFingerprint } from '../../src/postgres/schema-fingerprint.ts';
import type { Parties } from '../parties.ts';
import type { Subject } from '../subject.ts';
import type { Finding } from './findings.ts';

const copied = z.object({
  strategy: z.enum(['window', 'live']),
  schema: z.string().optional(),
});

/** More are not named. */
const NAMED = 5;

const WHAT = 'schema since the copy';
const AGAIN =
  'The new app and its proofs are of the schema as it was copied: run migrate.yml again, from assess on, and have the new plan approved.';

/**
 * Whether Heroku's database has the schema that was copied. A live copy keeps what it looked like beside its capture, and
 * has it mended where migration.yml says so; of the other the record has a fingerprint. Nothing where nothing was copied,
 * which the pre-flight says.
 */
export async function schemaFindings({
  subject,
  oldSide,
  signal,
}: Pick<Parties, 'subject' | 'oldSide' | 'signal'>): Promise<Finding[]> {
  const section = latestSection(subject.record, 'migrate-db', copied);
  if (section === undefined) return [];
  if (section.strategy === 'live') {
    const session = { applicationName: 'h2d schema', statementTimeoutMs: 60_000, signal };
    return [await withConnection(oldSide.database, session, (client) => liveFinding(subject, client))];
  }
  if (section.schema === undefined) {
    const found = 'not known: an earlier version made the copy';
    return [{ what: WHAT, found, remedy: 'Run migrate-db with `command: copy` again.' }];
  }
  if ((await schemaFingerprint(oldSide.database, signal)) === section.schema)
    return [{ what: WHAT, found: 'unchanged' }];
  return [{ what: WHAT, found: 'objects were added, altered or removed', remedy: AGAIN }];
}

async function liveFinding({ environment, config }: Subject, client: pg.Client): Promise<Finding> {
  const shape = await readShape(client);
  const baseline =
    shape.captured.length === 0 ? undefined : await readBaseline(client, environment.migrationId);
  if (baseline === undefined) {
    return {
      what: WHAT,
      found: 'not known: there is no capture of changes on Heroku',
      remedy: 'Run migrate-db with `command: uninstall`, then with `command: copy`.',
    };
  }
  const { schema } = compareShapes(baseline, shape);
  if (schema.length === 0) return { what: WHAT, found: 'unchanged' };
  const more = schema.length > NAMED ? ` and ${schema.length - NAMED} more` : '';
  return {
    what: WHAT,
    found: `${schema.slice(0, NAMED).map(describeDifference).join(', ')}${more}`,
    remedy:
      config.live.onSchemaChange === 'recopy'
        ? 'Run migrate-db with `command: catch-up`, which copies again what changed.'
        : AGAIN,
  };
}
