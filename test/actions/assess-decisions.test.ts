import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decidedPlan } from '../../actions/cutover/pre-flight.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { readRecord } from '../../src/migration/record.ts';
import { CONFIG, startSides, type Sides } from './played-sides.ts';

let sides: Sides;

beforeAll(async () => {
  sides = await startSides({
    app: { addOns: [{ plan: 'papertrail:choklad', config: { PAPERTRAIL_API_TOKEN: 'x1y2z3a4b5c6' } }] },
  });
});
afterAll(() => sides.stop());

function answering(name: string, lines: string): Record<string, string> {
  writeFileSync(join(sides.directory, name), `${CONFIG}decisions:\n${lines}`);
  return { config: name, record: `${name}.json` };
}

test('an add-on that is not moved waits for a decision: told with what to write, and failing only when that is wanted', async () => {
  const open = await sides.runPhase('assess', { record: 'open.json' });
  expect(open.code).toBe(0);
  expect(open.outputs).toMatchObject({
    verdict: 'decisions-needed',
    outcome: 'decisions-needed',
    'items-decide': '1',
    'items-blocked': '0',
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
  });
  expect(Number(open.outputs['items-automatic'])).toBeGreaterThan(10);
  expect(open.log).toMatch(/::notice title=One decision needed::.*add-on\/papertrail/);
  expect(open.summary).toContain('"add-on/papertrail": keep-by-config # keep-by-config | replace | drop');
  expect(open.summary).toContain('flowchart LR');

  const refused = await sides.runPhase('assess', { 'fail-on': 'decisions', record: 'refused.json' });
  expect(refused.code).toBe(1);
  expect(refused.log).toContain('What becomes of it?');
});

test('an answer settles it, and changes what the new side gets', async () => {
  const kept = await sides.runPhase('assess', { record: 'kept.json' });
  const dropped = await sides.runPhase('assess', answering('drop.yml', '  add-on/papertrail: drop\n'));
  expect(dropped.outputs).toMatchObject({ verdict: 'ready', 'items-decide': '0' });
  expect(dropped.outputs['plan-digest']).not.toBe(kept.outputs['plan-digest']);
  expect(dropped.summary).toMatch(/PAPERTRAIL.?_API.?_TOKEN \| automatic \| dropped/);
});

test('an answer that is none is an annotation, and a job that must not fail says so in its verdict', async () => {
  const wrong = answering('wrong.yml', '  add-on/papertrail: dorp\n');
  const failed = await sides.runPhase('assess', wrong);
  expect(failed.code).toBe(1);
  expect(failed.log).toMatch(/::error title=Blocked%3A migration\.yml answers add-on\/papertrail/);
  const told = await sides.runPhase('assess', { ...wrong, 'fail-on': 'never' });
  expect(told.code).toBe(0);
  expect(told.outputs).toMatchObject({ verdict: 'blocked', 'items-blocked': '1' });
});

test('the cutover of a protected environment is refused while a decision is open', async () => {
  const record = await readRecord(join(sides.directory, 'open.json'));
  const config = parseMigrationConfig(CONFIG, 'migration.yml');
  const staging = environmentOf(config, 'staging');
  const finding = (isProtected: boolean) =>
    decidedPlan({
      subject: {
        config,
        environment: { ...staging, protected: isProtected },
        record,
        recordPath: 'open.json',
      },
    });
  expect(await finding(true)).toMatchObject({
    found: '1 open (add-on/papertrail)',
    remedy: expect.stringContaining('decisions'),
  });
  expect(await finding(false)).not.toHaveProperty('remedy');
});
