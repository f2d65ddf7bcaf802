import { afterEach, beforeEach, expect, test } from '@jest/globals';

import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import { startGitHub } from '../../rehearsal/github/world.ts';
import { systemClock } from '../../src/clock.ts';
import { closeIssue, openIssue, REHEARSAL_LABEL } from '../../src/github/rehearsal-issue.ts';
import { createRepositoryClient, type RepositoryClient } from '../../src/github/repository-client.ts';
import { silentLog } from '../../src/log.ts';

const SUBJECT = 'shop-production shadow';
let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

function client(permissions: Record<string, 'read' | 'write'> = { issues: 'write' }): RepositoryClient {
  return createRepositoryClient({
    repository: 'acme/shop',
    apiUrl: github.apiUrl,
    token: github.issueToken(permissions),
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

const failed = (title = 'It did not pass') => openIssue(client(), SUBJECT, { title, body: 'Why: a reason.' });

test('one issue for as long as it does not pass: opened, brought up to date, closed, and the next time a new one', async () => {
  const first = await failed();
  expect(first).toEqual({ change: 'opened', url: 'https://github.com/acme/shop/issues/5001' });
  expect(await failed('It did not pass again')).toEqual({ ...first, change: 'updated' });
  expect(github.issues()).toMatchObject([
    { title: 'It did not pass again', labels: [REHEARSAL_LABEL], state: 'open' },
  ]);
  expect(await closeIssue(client(), SUBJECT, 'Green again.')).toEqual({ ...first, change: 'closed' });
  expect(github.issues()).toMatchObject([
    { state: 'closed', stateReason: 'completed', comments: ['Green again.'] },
  ]);
  expect(await closeIssue(client(), SUBJECT, 'Green again.')).toEqual({ change: 'none', url: null });
  expect((await failed()).change).toBe('opened');
  expect(github.issues()).toHaveLength(2);
});

test('another depth, another environment and a person with the same words have issues of their own', async () => {
  await openIssue(client(), 'shop-staging full', { title: 'Full', body: '' });
  const mark = `<!-- heroku-to-digitalocean rehearsal of ${SUBJECT} -->`;
  const quoted = await openIssue(client(), 'shop-staging copy', { title: 'Copy', body: mark });
  expect(quoted.change).toBe('opened');
  github.addIssue({ title: 'I saw this', body: mark, user: 'eve' });
  expect((await failed()).change).toBe('opened');
  await closeIssue(client(), SUBJECT, 'Green again.');
  expect(github.issues().map(({ title, state }) => [title, state])).toEqual([
    ['Full', 'open'],
    ['Copy', 'open'],
    ['I saw this', 'open'],
    ['It did not pass', 'closed'],
  ]);
});

test('found also when somebody took its label off, and behind many others', async () => {
  await failed();
  github.relabel(5001, []);
  for (let count = 0; count < 130; count += 1) github.addIssue({ title: 'Another', body: '', user: 'ada' });
  expect((await failed()).change).toBe('updated');
});

test('a job that may not, and a repository without issues, are refusals', async () => {
  await expect(openIssue(client({ issues: 'read' }), SUBJECT, { title: 'No', body: '' })).rejects.toThrow(
    /to open an issue \(HTTP 403\)/,
  );
  github.settings.hasIssues = false;
  await expect(failed()).rejects.toThrow(/HTTP 410/);
});
