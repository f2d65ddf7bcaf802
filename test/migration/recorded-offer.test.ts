import { expect, test } from '@jest/globals';

import { addSection, emptyRecord, type MigrationRecord, type Phase } from '../../src/migration/record.ts';
import { offerFor, offersIn } from '../../src/migration/recorded-offer.ts';

const run = { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' };

function recordOf(migrationId: string, ...sections: [string, unknown, Phase?][]): MigrationRecord {
  return sections.reduce(
    (made, [day, data, phase = 'provision']) =>
      addSection(made, phase, { at: new Date(`${day}T10:00:00Z`), run, data }),
    emptyRecord({ migrationId, application: 'shop', environment: 'staging' }),
  );
}

const offered = (citext: string, major = 17, engine = 'pg'): unknown => ({
  stage: 'infrastructure',
  offered: { engine, major, extensions: { citext, xml2: '1.1' } },
});

test('the newest answer of a cluster of the same edition and version counts, whatever environment it was', () => {
  const recorded = offersIn([
    recordOf('shop-staging', ['2026-11-20', offered('1.7')], ['2026-11-22', { stage: 'application' }]),
    recordOf('shop-production-shadow', ['2026-11-18', offered('1.6')]),
    recordOf(
      'shop-other',
      ['2026-11-23', offered('1.8', 16)],
      ['2026-11-23', offered('1.9', 17, 'advanced_pg')],
    ),
  ]);
  expect(offerFor(recorded, 17, 'pg')).toEqual({
    major: 17,
    extensions: { citext: '1.7', xml2: '1.1' },
    source: expect.stringContaining('the cluster of shop-staging gave itself (2026-11-20)'),
  });
  expect(offerFor(recorded, 17, 'advanced_pg').extensions.citext).toBe('1.9');
});

test('as long as no such cluster was asked the documented list counts, and is told as that', () => {
  const recorded = offersIn([
    recordOf('shop-staging', ['2026-11-20', offered('1.7', 16)]),
    // Not what provision wrote, or not what it writes.
    recordOf('shop', ['2026-11-21', offered('1.7'), 'assess'], ['2026-11-22', { offered: { major: 17 } }]),
  ]);
  for (const major of [17, null]) {
    const { extensions, source } = offerFor(recorded, major, 'pg');
    expect(source).toBe("DigitalOcean's list of supported extensions (2025-11-26)");
    expect(extensions).toMatchObject({ citext: null });
    expect(extensions).not.toHaveProperty('xml2');
  }
});
