import { blobId, type AtPath, type GitData, type NewEntry } from './git-data.ts';
import type { WrittenFiles } from './written-files.ts';

/** A text file, whole. */
export interface ProposedFile {
  path: string;
  content: string;
}

export interface DecidedFiles {
  entries: NewEntry[];
  /** Files that a person wrote, changed or deleted: they stay as they are. */
  untouched: { path: string; why: string }[];
  /** Paths that stand as proposed already. */
  same: string[];
  /** Paths that the base does not have: every line of them is in the pull request. */
  isNew: ReadonlySet<string>;
}

export interface DecisionFacts {
  /** The commit that ours goes on. */
  parent: string;
  /** The commit of the base branch. */
  start: string;
  /** What an earlier run wrote. */
  earlier: WrittenFiles;
}

/** Which files may be written: new ones, and those that still stand as an earlier run wrote them. */
export async function decideFiles(
  git: Pick<GitData, 'at'>,
  files: readonly ProposedFile[],
  { parent, start, earlier }: DecisionFacts,
): Promise<DecidedFiles> {
  const found = await Promise.all(
    files.map(async (file) => {
      const onBase = await git.at(file.path, start);
      return { ...file, onBase, here: parent === start ? onBase : await git.at(file.path, parent) };
    }),
  );
  const decided: DecidedFiles = {
    entries: [],
    untouched: [],
    same: [],
    isNew: new Set(found.filter(({ onBase }) => onBase === undefined).map(({ path }) => path)),
  };
  for (const { path, content, onBase, here } of found) {
    const wanted = blobId(content);
    const ours = earlier.get(path);
    const leave = (why: string) => decided.untouched.push({ path, why });
    if (parent !== start && isTheirs(onBase, wanted, ours) && isEither(here, wanted, ours)) {
      leave('the base branch has got one of its own');
      // With the same contents on both sides the pull request does not speak of it any more, and nothing conflicts.
      if (typeof onBase === 'object') decided.entries.push({ path, sha: onBase.blob });
    } else if (isEither(here, wanted)) decided.same.push(path);
    else if (here === 'no-file') leave('something else than a file has its name');
    else if (here === undefined && ours !== undefined) leave('a person deleted it');
    else if (here === undefined) decided.entries.push({ path, content });
    else if (ours === undefined) leave('it was there before');
    else if (isEither(here, ours)) decided.entries.push({ path, content });
    else leave('a person edited it');
  }
  return decided;
}

function isTheirs(onBase: AtPath, wanted: string, ours: string | undefined): boolean {
  return onBase !== undefined && !isEither(onBase, wanted, ours);
}

function isEither(found: AtPath, ...blobs: (string | undefined)[]): boolean {
  return typeof found === 'object' && blobs.includes(found.blob);
}
