import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { runNoticeCommand } from '../../src/notify/command.ts';
import { splitCommand } from '../../src/split-command.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'notice-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const hostile = '$(touch owned) `touch owned`; touch owned\n"';

test('the text comes on standard input and in the environment, and our secrets do not', async () => {
  const file = join(directory, 'seen');
  const script = `sh -c 'cat >"$0"; echo >>"$0"; env >>"$0"' ${file}`;
  const environment = {
    ...{ PATH: process.env.PATH, OWN_KEY: 'kept', 'INPUT_HEROKU-TOKEN': 'HRKU-1', GITHUB_TOKEN: 'ghs_1' },
    ...{ ACTIONS_RUNTIME_TOKEN: 'rt', STATE_isPost: 'true', GITHUB_ENV: '/env' },
  };
  expect(await runNoticeCommand(script, hostile, { NOTICE_TEXT: 'words' }, environment)).toEqual({
    sent: true,
  });
  const seen = readFileSync(file, 'utf8');
  expect(seen.startsWith(hostile)).toBe(true);
  expect(seen).toMatch(/^NOTICE_TEXT=words$/m);
  expect(seen).toMatch(/^OWN_KEY=kept$/m);
  expect(seen).not.toMatch(/HRKU-1|ghs_1|=rt$|STATE_|GITHUB_ENV/m);
});

test('no shell takes part: what looks like a command is an argument', async () => {
  const owned = join(directory, 'owned');
  expect(
    await runNoticeCommand(`true $(touch ${owned}) ; touch ${owned} && touch ${owned}`, hostile, {}),
  ).toEqual({
    sent: true,
  });
  expect(existsSync(owned)).toBe(false);
});

test('how it fails is told, and nothing it says', async () => {
  expect(await runNoticeCommand("sh -c 'echo secret; exit 3'", '', {})).toEqual({
    sent: false,
    reason: 'it ended with 3',
  });
  expect(await runNoticeCommand('/no/such/command', '', {})).toEqual({
    sent: false,
    reason: 'it could not be started (ENOENT)',
  });
});

test('a command that does not end is ended, and what it started with it', async () => {
  const file = join(directory, 'later');
  const begun = performance.now();
  const script = `sh -c '(sleep 4; touch ${file}) & wait'`;
  expect(await runNoticeCommand(script, '', {}, process.env, 300)).toEqual({
    sent: false,
    reason: 'it had not ended after 0.3 s',
  });
  expect(performance.now() - begun).toBeLessThan(3_900);
  await delay(4_200);
  expect(existsSync(file)).toBe(false);
});

test('words of a command line', () => {
  expect(splitCommand(`  notify --to 'all of you' "say \\"hi\\"" a\\ b --x='y z'`, 'notify-command')).toEqual(
    [...['notify', '--to', 'all of you', 'say "hi"', 'a b', '--x=y z']],
  );
  expect(splitCommand("a '' b", 'notify-command')).toEqual(['a', '', 'b']);
  expect(() => splitCommand("a 'b", 'notify-command')).toThrow('a quote that is not closed');
  expect(() => splitCommand('a \\', 'notify-command')).toThrow('ends with a backslash');
});
