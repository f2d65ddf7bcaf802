import type { GitData } from './git-data.ts';

// What our last commit wrote stands in its own message, so that a later run can tell what a person has changed since.

const BY = 'Proposed-by: heroku-to-digitalocean';
const FILE = /^Proposed-file: ([0-9a-f]{40}) (.+)$/gm;
/** Nobody puts more commits than this on top of a proposal. */
const FARTHEST = 50;

/** Path and the id of the contents that we wrote. */
export type WrittenFiles = ReadonlyMap<string, string>;

/** The message of a commit of ours. */
export function messageWith(title: string, written: WrittenFiles): string {
  const files = [...written].sort(([a], [b]) => (a < b ? -1 : 1));
  return [title, '', BY, ...files.map(([path, blob]) => `Proposed-file: ${blob} ${path}`), ''].join('\n');
}

/**
 * What the newest commit of ours wrote, `depth` commits back from `head` at most; undefined: there is none. People's own
 * commits on top, rebased or amended ones too, keep the message and so the list.
 */
export async function readWrittenFiles(
  git: Pick<GitData, 'commit'>,
  head: string,
  depth = FARTHEST,
): Promise<WrittenFiles | undefined> {
  let next: string | undefined = head;
  for (let left = Math.min(depth, FARTHEST); left > 0 && next !== undefined; left -= 1) {
    const { message, parents } = await git.commit(next);
    if (message.split('\n').includes(BY)) {
      return new Map([...message.matchAll(FILE)].map(([, blob = '', path = '']) => [path, blob]));
    }
    next = parents[0]?.sha;
  }
  return undefined;
}
