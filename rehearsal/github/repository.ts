import { createHash } from 'node:crypto';
import { ApiError } from './api-error.ts';

export interface PullRequest {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  state: 'open' | 'closed';
}

interface Branch {
  commit: string;
  files: Map<string, string>;
}

/** The user's repository on the played GitHub: branches, their files, pull requests. */
export interface Repository {
  branch(name: string): Branch | undefined;
  createBranch(name: string, commit: string): void;
  moveBranch(name: string, commit: string): void;
  deleteBranch(name: string): void;
  /** The file's content and blob SHA. */
  file(path: string, ref: string): { content: string; sha: string } | undefined;
  /** Names directly inside a folder. */
  folder(path: string, ref: string): { name: string; path: string; type: 'file' | 'dir' }[];
  /** `expected` is the blob SHA that the caller saw; GitHub answers 409 when it is not the present one. */
  putFile(path: string, content: string, ref: string, expected?: string): { sha: string; commit: string };
  pulls: PullRequest[];
  openPull(o: { title: string; body: string; head: string; base: string }): PullRequest;
}

export function createRepository(name: string, defaultBranch: string): Repository {
  let commits = 0;
  const nextCommit = () => sha1(`${name} commit ${(commits += 1)}`);
  const first: Branch = { commit: nextCommit(), files: new Map() };
  const branches = new Map<string, Branch>([[defaultBranch, first]]);
  // The state of each commit, so that a branch can be made from an older one.
  const history = new Map<string, Map<string, string>>([[first.commit, first.files]]);
  const pulls: PullRequest[] = [];

  const filesOf = (ref: string) =>
    branches.get(ref.replace(/^refs\/heads\//u, ''))?.files ?? history.get(ref);
  const filesAt = (commit: string) => {
    const files = history.get(commit);
    if (!files) throw new ApiError(422, 'Object does not exist');
    return new Map(files);
  };
  return {
    branch: (branch) => branches.get(branch),
    createBranch: (branch, commit) => {
      if (branches.has(branch)) throw new ApiError(422, 'Reference already exists');
      branches.set(branch, { commit, files: filesAt(commit) });
    },
    moveBranch: (branch, commit) => {
      if (!branches.has(branch)) throw new ApiError(422, 'Reference does not exist');
      branches.set(branch, { commit, files: filesAt(commit) });
    },
    deleteBranch: (branch) => {
      if (!branches.delete(branch)) throw new ApiError(422, 'Reference does not exist');
    },
    file: (path, ref) => {
      const content = filesOf(ref)?.get(path);
      return content === undefined ? undefined : { content, sha: blobSha(content) };
    },
    folder: (path, ref) => listFolder([...(filesOf(ref)?.keys() ?? [])], path),
    putFile: (path, content, ref, expected) => {
      const branch = branches.get(ref);
      if (!branch) throw new ApiError(404, `Branch ${ref} not found`);
      const present = branch.files.get(path);
      if (present !== undefined && expected === undefined)
        throw new ApiError(422, 'Invalid request.\n\n"sha" wasn\'t supplied.');
      if (expected !== undefined && (present === undefined || blobSha(present) !== expected)) {
        throw new ApiError(409, `${path} does not match ${expected}`);
      }
      branch.files.set(path, content);
      branch.commit = nextCommit();
      history.set(branch.commit, new Map(branch.files));
      return { sha: blobSha(content), commit: branch.commit };
    },
    pulls,
    openPull: (wanted) => {
      if (!branches.has(wanted.head)) throw new ApiError(422, 'Validation Failed: head is invalid');
      if (
        pulls.some(
          ({ head, base, state }) => state === 'open' && head === wanted.head && base === wanted.base,
        )
      ) {
        throw new ApiError(422, `Validation Failed: A pull request already exists for ${wanted.head}.`);
      }
      const pull: PullRequest = { ...wanted, number: pulls.length + 1, state: 'open' };
      pulls.push(pull);
      return pull;
    },
  };
}

function listFolder(paths: string[], folder: string): { name: string; path: string; type: 'file' | 'dir' }[] {
  const prefix = folder === '' ? '' : `${folder.replace(/\/$/u, '')}/`;
  const entries = new Map<string, { name: string; path: string; type: 'file' | 'dir' }>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name = '', ...deeper] = path.slice(prefix.length).split('/');
    entries.set(name, { name, path: `${prefix}${name}`, type: deeper.length > 0 ? 'dir' : 'file' });
  }
  return [...entries.values()];
}

/** Git's own blob id. */
function blobSha(content: string): string {
  const bytes = Buffer.from(content);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
