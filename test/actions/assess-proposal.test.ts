import { expect, test } from '@jest/globals';

import type { Assessment } from '../../actions/assess/assessment.ts';
import { initBody, initSummary } from '../../actions/assess/init-text.ts';
import { proposalOf } from '../../actions/assess/proposal.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { decide, type Item } from '../../src/migration/item.ts';
import { buildPlan } from '../../src/migration/plan.ts';
import { proposeConfig } from '../../src/migration/propose-config.ts';
import { input, inventory } from '../migration/support/assessed-app.ts';

const HOSTILE = '](https://evil.example) <img src=x> @ada\n# Ready\n| a | b |\n``` --> ${{ secrets.X }}';

function question(id: string): Item {
  return decide({
    id,
    area: 'add-on',
    what: HOSTILE,
    question: HOSTILE,
    options: ['keep', HOSTILE],
    why: HOSTILE,
    remedy: HOSTILE,
  });
}

function assessment(stage: string | null, changes: Partial<Assessment> = {}): Assessment {
  const scheduler = { jobs: [{ command: 'rake nightly sesame-42', every: 1440, at: 0, dynoSize: 'Eco' }] };
  const { config } = proposeConfig([{ stage, inventory, scheduler }]);
  const [name = ''] = Object.keys(config.environments);
  const environment = environmentOf(config, name);
  const plan = buildPlan(input({ config, environment, found: [question('add-on/x'), question('add-on/y')] }));
  return {
    config,
    environment,
    proposed: true,
    stage,
    inventory,
    plan,
    digest: '',
    depth: 'full',
    database: undefined,
    databaseInDepth: undefined,
    activity: undefined,
    redis: undefined,
    redisInDepth: undefined,
    repository: undefined,
    scheduler,
    catalogue: undefined,
    ...changes,
  };
}

const options = {
  config: 'migration.yml',
  suite: { repository: 'acme/suite', ref: '1'.repeat(40), version: undefined },
  redact: (text: string) => text.replaceAll('sesame-42', '***'),
};

test('names from outside stay text in the questions, the body, the summary and the file', () => {
  const own = assessment('staging');
  const proposal = proposalOf([own], options);
  const texts = [
    ...proposal.comments.filter(({ key }) => key.includes('add-on/')).map(({ body }) => body),
    initBody({
      proposal,
      left: { untouched: [{ path: HOSTILE, why: HOSTILE }], refused: [], unplaced: proposal.comments },
      assessments: [{ ...own, inventory: { ...inventory, app: { ...inventory.app, name: HOSTILE } } }],
      runUrl: 'https://github.com/acme/shop/actions/runs/1',
    }),
    initSummary({
      proposal,
      result: {
        outcome: 'nothing',
        url: undefined,
        untouched: [{ path: HOSTILE, why: HOSTILE }],
        refused: [],
        unplaced: [],
      },
    }),
  ];
  for (const text of texts) {
    expect(text).toContain('evil');
    expect(text).not.toMatch(/<img|@ada|(^|\n)# Ready|https:\/\/evil|-->/);
  }
  const [file] = proposal.files;
  expect(parseMigrationConfig(file?.content ?? '', 'migration.yml').decisions).toEqual({});
});

test('each question has its own line, and an app that was looked at briefly asks nothing', () => {
  const staging = assessment('staging');
  const other = assessment('production', {
    depth: 'brief',
    inventory: { ...inventory, app: { ...inventory.app, name: 'shop' }, domains: [] },
  });
  const proposal = proposalOf([staging, other], options);
  expect(proposal.environments).toEqual(['staging', 'production']);
  const lines = proposal.comments.map(({ line }) => line);
  expect(new Set(lines).size).toBe(lines.length);
  const text = proposal.files[0]?.content.split('\n') ?? [];
  const asked = proposal.comments.filter(({ key }) => key.includes('add-on/'));
  expect(asked.map(({ line }) => text[line - 1])).toEqual([
    expect.stringContaining('add-on/x: keep'),
    expect.stringContaining('add-on/y: keep'),
  ]);
  expect(proposal.comments.every(({ key }) => !key.startsWith('production'))).toBe(true);
});

test('a command that holds a masked value is not written', () => {
  const text = proposalOf([assessment(null)], options).files[0]?.content ?? '';
  expect(text).not.toContain('sesame');
  expect(text).toContain('# CHECK: 1 more, whose commands may hold a secret');
});

test('two runs on the same world propose the same', () => {
  expect(proposalOf([assessment('staging')], options)).toEqual(proposalOf([assessment('staging')], options));
});
