import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeEach, expect, test } from '@jest/globals';

// Whole processes, as the runner starts them: environment in, text and files out.

const ENTRY = join(import.meta.dirname, 'support', 'entry.ts');
const TOKEN = 'HRKU-0123456789abcdef0123';
const directory = mkdtempSync(join(tmpdir(), 'run-'));
const files = {
  GITHUB_OUTPUT: join(directory, 'output'),
  GITHUB_STATE: join(directory, 'state'),
  GITHUB_STEP_SUMMARY: join(directory, 'summary'),
};

beforeEach(() => {
  for (const file of Object.values(files)) writeFileSync(file, '');
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Ended {
  code: number;
  out: string;
  errors: string;
}

function run(
  scenario: string,
  environment: Record<string, string> = {},
  onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const { PATH = '' } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ENTRY],
      { env: { PATH, SCENARIO: scenario, 'INPUT_HEROKU-TOKEN': TOKEN, ...environment } },
      (error, out, errors) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, errors }),
    );
    child.stdout?.on('data', (text: string) => onOutput?.(text, (signal) => child.kill(signal)));
  });
}
const onGitHub = { GITHUB_ACTIONS: 'true', ...files };
const read = (file: keyof typeof files): string => readFileSync(files[file], 'utf8');

test('on GitHub: secrets are masked before anything else, and log, output, state and summary arrive', async () => {
  const { code, out, errors } = await run('tell', onGitHub);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(out.split('\n').filter((line) => !line.startsWith('::debug'))).toEqual([
    `::add-mask::${TOKEN}`,
    '::group::A chapter',
    'token ***',
    '::endgroup::',
    '',
  ]);
  expect(read('GITHUB_OUTPUT')).toMatch(/^outcome<<(\S+)\ndone\n\1\n$/);
  expect(read('GITHUB_STATE')).toContain('cluster-1');
  expect(read('GITHUB_STATE')).not.toContain(TOKEN);
  expect(read('GITHUB_STEP_SUMMARY')).toContain('## All is well');
});

test('outside of GitHub nothing is missing, no command is printed, and the secret neither', async () => {
  const { code, out } = await run('tell');
  expect(code).toBe(0);
  expect(out).toContain('── A chapter\ntoken ***\n');
  expect(out).toContain('Output outcome: done');
  expect(out).toContain('## All is well');
  expect(out).not.toMatch(/::|HRKU/);
});

test('a shell that cannot write hyphens in names may use underscores', async () => {
  const { out } = await run('tell', { 'INPUT_HEROKU-TOKEN': '', INPUT_HEROKU_TOKEN: TOKEN });
  expect(out).toContain('token ***');
});

test('a connection string is masked whole, and its password as written and as decoded', async () => {
  const { out } = await run('leak', onGitHub);
  expect(out).toContain('decoded ***, written ***, other redis://***@cache:6379');
  expect(read('GITHUB_STEP_SUMMARY')).toContain('in a summary: ***');
});

test("a user's error has no stack and no secret, and fails the step", async () => {
  for (const environment of [onGitHub, {}]) {
    const { code, out, errors } = await run('user error', environment);
    const shown = out.replaceAll(`::add-mask::${TOKEN}`, '') + errors;
    expect(code).toBe(1);
    expect(shown).toContain('The token *** was refused.');
    expect(shown).not.toMatch(/HRKU|\bat .*entry\.ts/);
  }
});

test('an error of our own shows where it began, and one that a user caused does not', async () => {
  expect((await run('own error', onGitHub)).out).toMatch(
    /::error::Undone\.\nTypeError: x is not a function\n +at /,
  );
  expect((await run('undone user error', onGitHub)).out).not.toMatch(/\bat .*entry\.ts/);
});

test('names from outside never become commands to the runner, in no kind of line', async () => {
  const { out } = await run('hostile names', onGitHub);
  const commands = out
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .filter((line) => /^\s*::|##\[/.test(line))
    .map((line) => /::([\w-]+)|##\[([\w-]+)/.exec(line)?.slice(1).join(''));
  // Ours: the mask of the token, the warning, the debug line, the group and the error.
  expect(commands).toEqual(['add-mask', 'warning', 'debug', 'group', 'endgroup', 'error']);
  expect(out).toContain('Copied orders ::add-mask::e ::stop-commands::x ::error::no ## [add-mask]e\n');
});

test('a summary too large for GitHub is cut between lines, told so, and what was opened is closed', async () => {
  expect((await run('large summary', onGitHub)).code).toBe(0);
  const summary = read('GITHUB_STEP_SUMMARY');
  expect(Buffer.byteLength(summary)).toBeLessThan(1024 * 1024);
  expect(Buffer.byteLength(summary)).toBeGreaterThan(1024 * 1024 - 10_000);
  expect(summary).toMatch(/a line of text\n```\n<\/details>\n\n> The rest is left out.*\n+$/);
});

test('a missing secret is told with where to set it', async () => {
  const { code, out } = await run('tell', { ...onGitHub, 'INPUT_HEROKU-TOKEN': ' ' });
  expect(code).toBe(1);
  expect(out).toMatch(/::error::The input heroku-token is empty\. Set it under/);
});

test('a cancelled job may clean up: the signal aborts the work instead of killing it', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { code, out } = await run('wait', onGitHub, (text, kill) => {
      if (text.includes('waiting')) kill(signal);
    });
    expect(code).toBe(1);
    expect(out).toContain(`::warning::Cancelled (${signal}).`);
    expect(out).toContain('::error::This run was cancelled.');
  }
});

test('in a shell, where no runner comes back, the clean-up follows at once, also after a failure', async () => {
  expect((await run('tell')).out).toMatch(/token \*\*\*[^]*post closes cluster-1\n$/);
  const failed = await run('own error');
  expect(failed.code).toBe(1);
  expect(failed.out).toContain('post closes');
  // On a runner it is a step of its own.
  expect((await run('tell', onGitHub)).out).not.toContain('post closes');
});

test('the post step runs the clean-up with the state of the main step; its failure is a warning', async () => {
  const post = { ...onGitHub, STATE_isPost: 'true', STATE_opened: 'cluster-1' };
  expect(await run('tell', post)).toMatchObject({
    code: 0,
    out: expect.stringContaining('post closes cluster-1') as unknown,
  });
  expect(read('GITHUB_OUTPUT')).toBe('');
  const failed = await run('post fails', post);
  expect(failed).toMatchObject({
    code: 0,
    out: expect.stringContaining('::warning::Cleaning up failed: gone already') as unknown,
  });
});

test('something left open does not let the job hang until its timeout', async () => {
  const { code, out } = await run('left open', onGitHub);
  expect(code).toBe(0);
  expect(out).toContain('Something was left open at the end');
});
