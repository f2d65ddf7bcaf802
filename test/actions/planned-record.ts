import type { HerokuApp } from '../../rehearsal/heroku/world.ts';
import { addSection, emptyRecord, type MigrationRecord } from '../../src/migration/record.ts';

/** A record whose plan saw the app as it is now; what is released within the same second counts as before it. */
export function plannedRecord(app: HerokuApp): MigrationRecord {
  const formation = Object.entries(app.formation()).map(([type, one]) => ({ type, command: type, ...one }));
  const configVars = Object.keys(app.config()).map((name) => ({ name, class: 'plain', leadsTo: null }));
  return addSection(
    emptyRecord({ migrationId: 'shop-staging', application: 'shop', environment: 'staging' }),
    'assess',
    {
      at: new Date(Math.floor(Date.now() / 1000) * 1000),
      run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com/acme/shop/actions/runs/1' },
      data: { planDigest: `sha256:${'0'.repeat(64)}`, inventory: { formation, configVars } },
    },
  );
}
