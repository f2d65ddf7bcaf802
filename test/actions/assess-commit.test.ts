import { expect, test } from '@jest/globals';
import { commitOf } from '../../actions/assess/outcome.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';

const commitOfSlug = (slugCommit: string | null): string => commitOf({ slugCommit } as HerokuInventory);

test('what Heroku runs is told as a commit of git, from which the image is built', () => {
  expect(commitOfSlug('e4f1a2'.padEnd(40, '0'))).toBe('e4f1a2'.padEnd(40, '0'));
});

test.each([null, '', 'v1.4.2', 'e4f1a2', 'main'])(
  'a slug of version %p names none: whoever sent an archive may call it anything',
  (version) => {
    expect(commitOfSlug(version)).toBe('');
  },
);
