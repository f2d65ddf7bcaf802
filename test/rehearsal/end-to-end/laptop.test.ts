import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addressesOf, MIGRATION_KEY, processEnvironment } from '../../../rehearsal/pipeline.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import {
  accessOfTheRunner,
  at,
  cutOver,
  expectConclusion,
  expectReached,
  full,
  herokuServesAsBefore,
  isWhere,
  letLeaseExpire,
  openShop,
  prepare,
  serves,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// The commands of docs/without-github.md, as they stand there, in a shell that knows nothing of GitHub.
const whenFull = full ? test : test.skip;
const project = join(import.meta.dirname, '../../..');
const document = readFileSync(join(project, 'docs/without-github.md'), 'utf8');

let shop: Shop;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['production'], schedules: false });
  shop.world.github.configureEnvironment('production', {});
  before = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
}, 240_000);

afterAll(async () => {
  if (full) await shop.close();
});

/** The commands under a heading of the document. */
function commandsOf(heading: string): string {
  const section = document.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/^```bash\n([^]*?)^```/gm)].map(([, block = '']) => block);
  if (blocks.length === 0) throw new Error(`The document says nothing to run under "${heading}".`);
  return blocks.join('\n');
}

interface Told {
  code: number | null;
  output: string;
}

/** Runs the set-up and then those commands in one shell, with the three secrets typed. */
function onALaptop(...headings: string[]): Promise<Told> {
  const { world, directory } = shop;
  const app = join(directory, 'laptop');
  mkdirSync(app, { recursive: true });
  copyFileSync(join(world.workspace, 'migration.yml'), join(app, 'migration.yml'));
  const record = join(prepared.artifacts, 'migration-record-production', 'migration-record.json');
  if (!existsSync(join(app, 'migration-record.json')))
    copyFileSync(record, join(app, 'migration-record.json'));
  const script = ['set -e', ...['Set up a shell', ...headings].map(commandsOf)].join('\n');
  const child = spawn('bash', ['-c', script], {
    cwd: app,
    env: {
      ...processEnvironment(world),
      HOME: app,
      SUITE: project,
      APP: app,
      // The world's own addresses go before those in the file.
      ...Object.fromEntries(
        Object.entries(addressesOf(world)).map(([name, value]) => [`INPUT_${name}`, value]),
      ),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  child.stdin.end(`${[world.tokens.heroku, world.tokens.digitalOcean, MIGRATION_KEY].join('\n')}\n`);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

whenFull(
  'a cutover of a protected environment does not begin from a laptop; nothing is touched',
  async () => {
    const told = await onALaptop('Go on with a cutover that has begun');
    expect(told.code).not.toBe(0);
    expect(told.output).toMatch(/Error: .*plan-digest/);
    await herokuServesAsBefore(shop, before);
    expect(await accessOfTheRunner(shop)).toEqual([]);
  },
  120_000,
);

whenFull(
  'a cutover whose machine died goes on from a laptop, and a way back is gone from one, as the document says',
  async () => {
    const kill = at('fence', 'runner');
    const died = await cutOver(shop, prepared, kill);
    expectReached(kill, died);
    await letLeaseExpire(shop);

    const moved = await onALaptop('Go on with a cutover that has begun');
    expect({ code: moved.code, output: moved.code === 0 ? '' : moved.output }).toEqual({
      code: 0,
      output: '',
    });
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
    expect(await accessOfTheRunner(shop)).toEqual([]);

    const back = await onALaptop('Go back', 'Afterwards');
    expect({ code: back.code, output: back.code === 0 ? '' : back.output }).toEqual({ code: 0, output: '' });
    expect(back.output).toMatch(/Would carry back what the new side has taken since the switch/);
    await isWhere(shop, 'heroku');
    for (const secret of [shop.world.tokens.heroku, shop.world.tokens.digitalOcean, MIGRATION_KEY])
      expect(moved.output + back.output).not.toContain(secret);
    expect(await accessOfTheRunner(shop)).toEqual([]);
    expect(existsSync(join(shop.directory, 'laptop', 'laptop.env'))).toBe(false);
  },
  300_000,
);
