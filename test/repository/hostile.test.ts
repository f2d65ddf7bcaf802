import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';
import type { Json } from '../../src/migration/json.ts';
import { refuseSecrets } from '../../src/migration/no-secrets.ts';
import { readRepository } from '../../src/repository/read-repository.ts';
import { repositoryItems } from '../../src/repository/repository-items.ts';
import { full } from '../support/or-skipped.ts';
import { app, checkout, itemOf, RAILS } from './support/checkout.ts';

test('links are not followed out of the checkout, and loops end', async () => {
  const outside = await checkout({ 'code.js': 'process.env.HEROKU_OUTSIDE\n', Procfile: 'stolen: x\n' });
  const root = await checkout({
    'deploy/Procfile': 'web: node a.js\n',
    'a.js': 'process.env.HEROKU_INSIDE\n',
  });
  await symlink(outside, join(root, 'out'));
  await symlink(join(outside, 'code.js'), join(root, 'code.js'));
  await symlink('.', join(root, 'loop'));
  await symlink('gone', join(root, 'dangling'));
  await symlink('deploy/Procfile', join(root, 'Procfile'));
  const facts = await readRepository(root);
  expect(facts.findings.map(({ what }) => what)).toEqual(['HEROKU_INSIDE']);
  expect(facts.procfile?.processes.map(({ name }) => name)).toEqual(['web']);
  expect(facts.leftOut).toEqual([
    { path: 'code.js', why: 'a link that leads out' },
    { path: 'dangling', why: 'a link that leads nowhere' },
    { path: 'out', why: 'a link that leads out' },
  ]);
  expect(itemOf(repositoryItems(facts, app()), 'repository/not-read').verdict).toBe('automatic');
});

test('names that deceive are shown as they are, without what hides in them', async () => {
  const root = await checkout({
    'app/a\u202e\n::error::b.rb': 'ENV["DYNO"]\n',
    [`app/ghp_${'a'.repeat(30)}.rb`]: 'ENV["DYNO"]\n',
  });
  const facts = await readRepository(root);
  expect(facts.findings[0]?.places.map(({ path }) => path)).toEqual([
    'app/a��::error::b.rb',
    '(a name that looks like a secret)',
  ]);
});

test('huge, binary and unreadable files are told, not read', async () => {
  const root = await checkout({
    'big.js': `process.env.DYNO;${' '.repeat(600 * 1024)}`,
    'binary.rb': Buffer.from([0x45, 0x4e, 0, 0x56]),
    'one-line.js': `x="${'y'.repeat(10_000)}";process.env.DYNO`,
    'package.json': `{"dependencies":{"pg":`,
    'heroku.yml': 'a: &a [x]\nb: [*a, *a]\n',
    'app.json': '[]',
  });
  execFileSync('mkfifo', [join(root, 'pipe.rb')]);
  const facts = await readRepository(root);
  expect(facts.findings).toEqual([]);
  expect(facts.leftOut).toEqual([
    { path: 'pipe.rb', why: 'neither a file nor a directory' },
    { path: 'big.js', why: 'too large' },
    { path: 'binary.rb', why: 'no text' },
  ]);
  const item = itemOf(repositoryItems(facts, app()), 'repository/not-read');
  expect(item.verdict).toBe('decide');
  expect(item.why).toContain('big.js (too large)');
});

test('the limits hold, and what lies beyond is a question', async () => {
  const root = await checkout({ 'a/b/c/d.rb': 'ENV["DYNO"]\n', 'x.rb': '', 'y.rb': '' });
  expect((await readRepository(root, { limits: { files: 2 } })).leftOut).toEqual([
    { path: 'a', why: 'more than 2 files' },
  ]);
  expect((await readRepository(root, { limits: { depth: 1 } })).leftOut).toEqual([
    { path: 'a/b', why: 'directories deeper than 1 levels' },
  ]);
  let now = 0;
  const late = await readRepository(root, { limits: { milliseconds: 1_000 }, now: () => (now += 600) });
  expect(late.leftOut[0]?.why).toMatch(/^more than 1 seconds/);
  expect(itemOf(repositoryItems(late, app()), 'repository/not-read').verdict).toBe('decide');
});

test('thousands of different hosts do not make the report as long', async () => {
  const hosts = Array.from({ length: 3_000 }, (_, index) => `"https://app-${index}.herokuapp.com"`).join(
    '\n',
  );
  const facts = await readRepository(await checkout({ 'hosts.rb': hosts }));
  expect(facts.findings).toHaveLength(50);
  expect(itemOf(repositoryItems(facts, app()), 'repository/not-read').why).toBe(
    'more heroku-host than are listed',
  );
});

test('patterns take time in proportion to what they read', async () => {
  const long = 200_000;
  const root = await checkout({
    'config/puma.rb': `${'\n'.repeat(long)}${' '.repeat(long)}`,
    Gemfile: '\n'.repeat(long),
    'Gemfile.lock': `RUBY VERSION${'\n'.repeat(long)}`,
    'config/storage.yml': ` ${' # x\n'.repeat(long)}`,
    'pyproject.toml': `${'"a'.repeat(1_000)}\n`.repeat(100),
    Procfile: `worker: ${'a;'.repeat(long)}\n`,
    'a.js': `cookie: { ${'domain '.repeat(200)}\n`.repeat(200),
  });
  const begin = performance.now();
  await readRepository(root);
  expect(performance.now() - begin).toBeLessThan(15_000);
});

test('neither facts nor items hold a line of code or a secret', async () => {
  const secret = 'sk_live_51abcdefghijklmnop';
  const root = await checkout({
    ...RAILS,
    Procfile: `web: API_KEY=${secret} puma\nworker: TOKEN=${secret} sidekiq && true\n`,
    '.env': `STRIPE_KEY=${secret}\nAPP_URL=https://user:${secret}@shop-1a2b3c.herokuapp.com/?x=${secret}\n`,
    'config/a.rb': `ENV["DYNO"] || "${secret}"\n`,
    'app.json': JSON.stringify({ buildpacks: [{ url: `https://x:${secret}@github.com/a/b` }] }),
    Dockerfile: `FROM x\nENV KEY=${secret}\nRUN apt-get update && curl https://${secret}@host/ && apt-get install -y ffmpeg\n`,
    Aptfile: `https://u:${secret}@host/x.deb\n:repo:deb https://${secret}@host\n`,
  });
  const facts = await readRepository(root);
  const items = repositoryItems(facts, app());
  expect(itemOf(items, 'repository/heroku-host/shop-1a2b3c.herokuapp.com').why).toContain('.env:2');
  for (const told of [facts, items]) {
    const text = JSON.stringify(told);
    expect(text).not.toContain(secret);
    refuseSecrets(JSON.parse(text) as Json, 'told');
  }
});

// Small here, and as large as the promise with --full: writing the files takes longer than reading them.
const directories = full ? 200 : 20;

test('twenty thousand files in a few seconds', async () => {
  const root = await checkout({ Procfile: 'web: node a.js\n' });
  const body = Array.from(
    { length: 40 },
    (_, line) => `  const value${line} = compute(user.id, ${line});`,
  ).join('\n');
  for (let directory = 0; directory < directories; directory++) {
    await mkdir(join(root, `app/d${directory}`), { recursive: true });
    await Promise.all(
      Array.from({ length: 100 }, (_, file) => writeFile(join(root, `app/d${directory}/f${file}.js`), body)),
    );
  }
  const begin = performance.now();
  const before = process.memoryUsage().heapUsed;
  const facts = await readRepository(root);
  const seconds = (performance.now() - begin) / 1_000;
  expect(facts.files.scanned).toBe(directories * 100);
  // The promise is 3 s on a machine of its own; tests share theirs.
  expect(seconds).toBeLessThan(20);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 2 ** 20);
});
