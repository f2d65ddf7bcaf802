import { createHash } from 'node:crypto';

export interface TreeEntry {
  path: string;
  /** `100644`, `100755`, `040000` for a tree, `120000` for a link. */
  mode: string;
  sha: string;
}
export interface Commit {
  tree: string;
  parents: string[];
  message: string;
  author: string;
  at: Date;
}

/** Git's own store: blobs, trees and commits by the ids that git gives them. */
export interface GitObjects {
  putBlob(content: Buffer): string;
  blob(sha: string): Buffer | undefined;
  /** One folder; its entries in any order. */
  putTree(entries: readonly TreeEntry[]): string;
  tree(sha: string): TreeEntry[] | undefined;
  putCommit(commit: Commit): string;
  commit(sha: string): Commit | undefined;
  /** Every file below a tree, with its whole path. */
  files(tree: string): Map<string, TreeEntry>;
  /** The tree that holds these files. */
  putFiles(files: ReadonlyMap<string, Omit<TreeEntry, 'path'>>): string;
  /** The commit and all that it came from. */
  history(sha: string): Set<string>;
}

export function createGitObjects(): GitObjects {
  const blobs = new Map<string, Buffer>();
  const trees = new Map<string, TreeEntry[]>();
  const commits = new Map<string, Commit>();

  const objects: GitObjects = {
    putBlob(content) {
      const sha = idOf('blob', content);
      blobs.set(sha, content);
      return sha;
    },
    blob: (sha) => blobs.get(sha),
    putTree(entries) {
      const sorted = [...entries].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
      const sha = idOf(
        'tree',
        Buffer.concat(
          sorted.flatMap(({ mode, path, sha: id }) => [
            Buffer.from(`${mode.replace(/^0/, '')} ${path}\0`),
            Buffer.from(id, 'hex'),
          ]),
        ),
      );
      trees.set(sha, sorted);
      return sha;
    },
    tree: (sha) => trees.get(sha),
    putCommit(commit) {
      const sha = idOf('commit', Buffer.from(commitText(commit)));
      commits.set(sha, commit);
      return sha;
    },
    commit: (sha) => commits.get(sha),
    files(tree) {
      const found = new Map<string, TreeEntry>();
      const walk = (sha: string, folder: string): void => {
        for (const entry of trees.get(sha) ?? []) {
          const path = `${folder}${entry.path}`;
          if (isFolder(entry)) walk(entry.sha, `${path}/`);
          else found.set(path, { ...entry, path });
        }
      };
      walk(tree, '');
      return found;
    },
    putFiles(files) {
      const here: TreeEntry[] = [];
      const folders = new Map<string, Map<string, Omit<TreeEntry, 'path'>>>();
      for (const [path, entry] of files) {
        const [name = '', ...deeper] = path.split('/');
        if (deeper.length === 0) here.push({ ...entry, path: name });
        else {
          const inside = folders.get(name) ?? new Map<string, Omit<TreeEntry, 'path'>>();
          folders.set(name, inside.set(deeper.join('/'), entry));
        }
      }
      for (const [path, inside] of folders)
        here.push({ path, mode: '040000', sha: objects.putFiles(inside) });
      return objects.putTree(here);
    },
    history(sha) {
      const seen = new Set<string>();
      const open = [sha];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const commit = commits.get(next);
        if (commit === undefined || seen.has(next)) continue;
        seen.add(next);
        open.push(...commit.parents);
      }
      return seen;
    },
  };
  return objects;
}

export function isFolder({ mode }: Pick<TreeEntry, 'mode'>): boolean {
  return mode === '040000';
}

/** Git sorts folders as if their names ended with a slash. */
function sortKey(entry: TreeEntry): string {
  return isFolder(entry) ? `${entry.path}/` : entry.path;
}

function commitText({ tree, parents, message, author, at }: Commit): string {
  const who = `${author} <${author}@users.noreply.github.com> ${Math.floor(at.getTime() / 1000)} +0000`;
  return [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    message,
  ].join('\n');
}

function idOf(kind: string, content: Buffer): string {
  return createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex');
}
