import { describe, expect, test } from '@jest/globals';

import { parseMigrationConfig } from '../../src/migration/config.ts';
import { proposeConfig } from '../../src/migration/propose-config.ts';
import { withQuestions, type AskedItem } from '../../src/migration/propose-decisions.ts';
import { inventory } from './support/assessed-app.ts';

const one = [{ stage: null, inventory }];
const two = [
  { stage: 'staging', inventory },
  { stage: 'production', inventory: { ...inventory, app: { ...inventory.app, name: 'shop' }, domains: [] } },
];

function asked(
  environment: string,
  id: string,
  options: string[],
  question = 'What becomes of it?',
): AskedItem {
  return { environment, item: { id, what: 'a thing', question, options } };
}

/** What a person does who accepts everything. */
function accepted(text: string): string {
  const lines = text.split('\n');
  let inside = false;
  return lines
    .map((line) => {
      if (/^\s*# Open questions/.test(line)) inside = true;
      else if (!line.trimStart().startsWith('#')) inside = false;
      return inside && !line.includes('Open questions') ? line.replace(/^(\s*)# /, '$1') : line;
    })
    .join('\n');
}

const QUESTIONS = [
  asked('production', 'add-on/papertrail', ['replace', 'drop', 'keep: it']),
  asked('production', 'domain/*.example.com', ['leave-behind'], 'one\ndecisions:\n  x/y: z #'),
  asked('production', 'consumer/{a: [b', ["it's", 'no']),
  asked('production', 'x/true', ['yes']),
];

describe('open questions', () => {
  test('stand at the end of a file with one environment, and change nothing as they are', () => {
    const proposed = proposeConfig(one);
    const { text, asked: found } = withQuestions(proposed.text, QUESTIONS);
    expect(parseMigrationConfig(text, 'migration.yml')).toEqual(proposed.config);
    const lines = text.split('\n');
    expect(found.map(({ id, line }) => [id, lines[line - 1]])).toEqual([
      ['add-on/papertrail', '#   add-on/papertrail: replace # or drop, keep: it'],
      ['domain/*.example.com', '#   "domain/*.example.com": leave-behind'],
      // A space cannot be part of an id in migration.yml.
      ['x/true', '#   x/true: "yes"'],
    ]);
  });

  test('accepted by taking the marks away they are the default answers', () => {
    const { text } = withQuestions(proposeConfig(one).text, QUESTIONS);
    expect(parseMigrationConfig(accepted(text), 'migration.yml').decisions).toEqual({
      'add-on/papertrail': 'replace',
      'domain/*.example.com': 'leave-behind',
      'x/true': 'yes',
    });
  });

  test('stand under the environment that they are asked of, where there are several', () => {
    const questions = [...QUESTIONS, asked('staging', 'add-on/papertrail', ['replace'])];
    const { text, asked: found } = withQuestions(proposeConfig(two).text, questions);
    const config = parseMigrationConfig(accepted(text), 'migration.yml');
    expect(config.decisions).toEqual({});
    expect(config.environments['staging']?.decisions).toEqual({ 'add-on/papertrail': 'replace' });
    expect(Object.keys(config.environments['production']?.decisions ?? {})).toHaveLength(3);
    expect(new Set(found.map(({ line }) => line)).size).toBe(4);
    for (const { id, line } of found) expect(text.split('\n')[line - 1]).toContain(id);
  });

  test('none leave the text as it is', () => {
    const { text } = proposeConfig(two);
    expect(withQuestions(text, [])).toEqual({ text, asked: [] });
  });
});
