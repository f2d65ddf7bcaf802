import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseOptions as parseBenchOptions } from '../../bench/options.ts';
import { parseOptions as parseRehearsalOptions, USAGE } from '../../rehearsal/options.ts';
import { blocks, documents, project, textOf, where } from './blocks.ts';
import { foreignCommands, foreignPrograms } from './foreign-commands.ts';

// What a document tells a reader to type is read by a shell, and every word of it is known to the program that it is for.
// docs/without-github.md is run besides, by test/rehearsal/end-to-end/laptop.test.ts.

const shell = blocks.filter(({ language, text }) => /^(ba)?sh$/.test(language) || /^npm run /.test(text));

interface Command {
  place: string;
  words: string;
}

/** Lines of blocks for a shell, and the code in a sentence. */
const commands: Command[] = [
  ...shell.flatMap((block) =>
    block.text
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, ''))
      .filter((line) => line !== '')
      .map((words, index) => ({
        place: where({ ...block, line: block.line + index + 1 }),
        words,
      })),
  ),
  ...documents.flatMap((document) => {
    const text = textOf(document).replaceAll(/^[ \t]*```[^]*?^[ \t]*```/gm, (block) =>
      '\n'.repeat(block.split('\n').length - 1),
    );
    return [...text.matchAll(/`([^`]+)`/g)].map((match) => ({
      place: `${document}:${text.slice(0, match.index).split('\n').length}`,
      // A table has its bars escaped.
      words: (match[1] ?? '').replaceAll('\\|', '|').replaceAll('\n', ' '),
    }));
  }),
];

test.each(shell.map((block) => [where(block), block] as const))('%s is read by bash', (_where, { text }) => {
  // What may be left out stands in brackets, which a shell would read as a pattern.
  const { status, stderr } = spawnSync('bash', ['-n'], { input: text });
  expect([status, String(stderr)]).toEqual([0, '']);
});

const parsers: Record<string, (args: readonly string[]) => unknown> = {
  rehearse: parseRehearsalOptions,
  bench: parseBenchOptions,
};

/** With nothing of what may be left out, and with each of it: `[a|b] [--x 1]` is also `a --x 1` and `b --x 1`. */
function variants(words: string): string[][] {
  const choices = [...words.matchAll(/\[([^\]]*)\]|(\S+)/g)].map(([, optional, word]) =>
    optional === undefined ? [word ?? ''] : ['', ...optional.split('|')],
  );
  const most = Math.max(...choices.map(({ length }) => length));
  return Array.from({ length: most }, (_, index) =>
    choices
      .map((choice) => choice[Math.min(index, choice.length - 1)] ?? '')
      .join(' ')
      .split(' ')
      .filter((word) => word !== ''),
  );
}

test('every option of our own commands is one that their own parser takes', () => {
  const own = commands.flatMap(({ place, words }) => {
    const found = /\bnpm run (rehearse|bench) -- (.+)$/.exec(words);
    // What the sentence stands for is in the table below it.
    return found === null || found[2] === '[options]'
      ? []
      : [{ place, name: found[1] ?? '', given: found[2] ?? '' }];
  });
  expect(own.length).toBeGreaterThan(5);
  const wrong = own.flatMap(({ place, name, given }) =>
    variants(given).flatMap((args) => {
      try {
        parsers[name]?.(args);
        return [];
      } catch (error) {
        return [`${place}: ${args.join(' ')}: ${String(error)}`];
      }
    }),
  );
  expect(wrong).toEqual([]);
  expect(() => parsers['rehearse']?.(['--cahos'])).toThrow(/cahos/);
});

test('the options of a rehearsal in its document are those that it prints', () => {
  const optionsOf = (text: string) =>
    [...new Set([...text.matchAll(/(?<=^| |`)--[a-z][a-z-]*/gm)].map(([option]) => option))].sort();
  const [, table = ''] = textOf('docs/rehearsal.md').split('\n## Options\n');
  const firstCells = [...table.matchAll(/^\| (`--.*?)(?<!\\)\|/gm)].map(([, cell = '']) => cell).join('\n');
  expect(optionsOf(firstCells)).toEqual(optionsOf(USAGE));
});

test('a test file that a command names is there', () => {
  const named = commands.flatMap(({ place, words }) => {
    const file = /\bnpm (?:test|run test:full) -- ([^\s<]\S*)/.exec(words)?.[1];
    return file === undefined ? [] : [{ place, file }];
  });
  expect(named.filter(({ file }) => !existsSync(join(project, file)))).toEqual([]);
  expect(named.length).toBeGreaterThan(0);
});

test('every command of another program is one that it has, with flags that it has', () => {
  const theirs = commands.filter(({ words }) =>
    new RegExp(`^(${foreignPrograms.join('|')}) \\S`).test(words),
  );
  expect(theirs.length).toBeGreaterThan(15);
  const wrong = theirs.flatMap(({ place, words }) => {
    const name = Object.keys(foreignCommands).find((known) => `${words} `.startsWith(`${known} `));
    if (name === undefined) return [`${place}: ${words}: not among those that were looked up`];
    const flags = words.split(' ').filter((word) => word.startsWith('-'));
    const unknown = flags.filter((flag) => !foreignCommands[name]?.flags.includes(flag.replace(/=.*/, '')));
    return unknown.map((flag) => `${place}: ${name} has no ${flag}`);
  });
  expect(wrong).toEqual([]);
  // And none stands there for nothing.
  const unused = Object.keys(foreignCommands).filter(
    (known) => !theirs.some(({ words }) => `${words} `.startsWith(`${known} `)),
  );
  expect(unused).toEqual([]);
});
