import { readFile, realpath, stat } from 'node:fs/promises';

import { DEFAULT_LIMITS } from '../repository/limits.ts';
import { listFiles } from '../repository/tree.ts';
import { namedIn, type OldHost } from './old-hosts.ts';
import type { Check } from './result.ts';

const MOST_NAMED = 15;
/** What tells people about the old side and leads no program there. */
const PROSE = /\.(md|markdown|rst|adoc|txt)$|(^|\/)(CHANGELOG|LICENSE)/i;
const LIMITS = { ...DEFAULT_LIMITS, files: 20_000, milliseconds: 20_000 };

/** Places in the checkout that name the old side. Nobody but a person knows whether they matter, so they are told. */
export async function oldHostsInCode(
  checkout: string | undefined,
  hosts: readonly OldHost[],
): Promise<Check> {
  const what = 'Code that names the old side';
  const id = 'third-parties/code';
  if (checkout === undefined) {
    return {
      id,
      area: 'third-parties',
      what,
      found: 'not looked at: there is no checkout',
      state: 'told',
      remedy: 'Check the repository out before verify.',
    };
  }
  const started = performance.now();
  const isLate = (): boolean => performance.now() - started > LIMITS.milliseconds;
  const { files, leftOutCount } = await listFiles(await realpath(checkout), '', LIMITS, isLate);
  const places: string[] = [];
  let read = 0;
  let skipped = leftOutCount;
  for (const { path, opens } of files.filter((file) => !PROSE.test(file.path))) {
    if (isLate()) {
      skipped += 1;
      continue;
    }
    const text = await textOf(opens);
    if (text === undefined) {
      skipped += 1;
      continue;
    }
    read += 1;
    if (namedIn(text, hosts).length === 0) continue;
    const line = text.split('\n').findIndex((one) => namedIn(one, hosts).length > 0);
    places.push(`${path}:${line + 1}`);
  }
  const looked = `${read} files read, ${skipped} too large, binary or beyond the limits were not`;
  const rest = places.length - MOST_NAMED;
  return {
    id,
    area: 'third-parties',
    what,
    found:
      places.length === 0
        ? `none; ${looked}`
        : `${places.slice(0, MOST_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}; ${looked}`,
    state: places.length === 0 ? 'passed' : 'told',
    ...(places.length === 0
      ? {}
      : { remedy: 'Look at each: a link, a callback or a cookie made from it would end at Heroku.' }),
  };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > LIMITS.codeBytes) return undefined;
    const text = await readFile(path);
    return text.includes(0) ? undefined : text.toString('utf8');
  } catch {
    return undefined;
  }
}
