import { ApiError, invalid } from './api-error.ts';
import { createGitObjects, type GitObjects } from './git-objects.ts';

export interface PullRequest {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  state: 'open' | 'closed';
  merged: boolean;
  /** The head's commit when it was closed: it stays, whatever becomes of the branch. */
  closedAt?: string;
  comments: ReviewComment[];
}

export interface ReviewComment {
  id: number;
  path: string;
  line: number;
  body: string;
  user: string;
}

/** The user's repository on the played GitHub: git's objects, branches, pull requests. */
export interface Repository {
  objects: GitObjects;
  branch(name: string): { commit: string } | undefined;
  createBranch(name: string, commit: string): void;
  /** Refuses whatever is no fast forward, unless forced. */
  moveBranch(name: string, commit: string, force?: boolean): void;
  deleteBranch(name: string): void;
  /** The commit of a branch or an id of a commit; undefined when there is none. */
  commitOf(ref: string): string | undefined;
  /** The file's content and blob SHA. */
  file(path: string, ref: string): { content: string; sha: string } | undefined;
  /** Names directly inside a folder. */
  folder(path: string, ref: string): { name: string; path: string; type: 'file' | 'dir' }[];
  /** `expected` is the blob SHA that the caller saw; GitHub answers 409 when it is not the present one. */
  putFile(path: string, content: string, ref: string, expected?: string): { sha: string; commit: string };
  /** Somebody commits to a branch; `null` deletes the file. */
  commit(
    branch: string,
    author: string,
    message: string,
    changes: Readonly<Record<string, string | null>>,
  ): string;
  pulls: PullRequest[];
  openPull(o: Pick<PullRequest, 'title' | 'body' | 'head' | 'base'>): PullRequest;
  closePull(pull: PullRequest): void;
  /** As one new commit on the base, which is what most teams let GitHub do. */
  squashPull(pull: PullRequest, author: string): void;
  /** The head of an open pull request is its branch's; of a closed one it is what it was. */
  headOf(pull: PullRequest): string | undefined;
}

export function createRepository(name: string, defaultBranch: string): Repository {
  const [owner = ''] = name.split('/');
  const objects = createGitObjects();
  const first = objects.putCommit({
    tree: objects.putTree([]),
    parents: [],
    message: `Start ${name}`,
    author: 'octocat',
    at: new Date(),
  });
  const branches = new Map<string, string>([[defaultBranch, first]]);
  const pulls: PullRequest[] = [];

  const commitOf = (ref: string): string | undefined => {
    const branch = branches.get(ref.replace(/^refs\/heads\//u, ''));
    return branch ?? (objects.commit(ref) === undefined ? undefined : ref);
  };
  const filesOf = (ref: string) => {
    const commit = objects.commit(commitOf(ref) ?? '');
    return objects.files(commit?.tree ?? '');
  };
  const repository: Repository = {
    objects,
    commitOf,
    branch: (branch) => {
      const commit = branches.get(branch);
      return commit === undefined ? undefined : { commit };
    },
    createBranch: (branch, commit) => {
      if (branches.has(branch)) throw new ApiError(422, 'Reference already exists');
      requireCommit(objects, commit);
      branches.set(branch, commit);
    },
    moveBranch: (branch, commit, force = false) => {
      const present = branches.get(branch);
      if (present === undefined) throw new ApiError(422, 'Reference does not exist');
      requireCommit(objects, commit);
      if (!force && !objects.history(commit).has(present)) {
        throw new ApiError(422, 'Update is not a fast forward');
      }
      branches.set(branch, commit);
    },
    deleteBranch: (branch) => {
      const head = branches.get(branch);
      if (!branches.delete(branch)) throw new ApiError(422, 'Reference does not exist');
      // GitHub closes what can no longer be merged.
      for (const pull of pulls.filter((one) => one.state === 'open' && one.head === branch)) {
        Object.assign(pull, { state: 'closed', closedAt: head });
      }
    },
    file: (path, ref) => {
      const entry = filesOf(ref).get(path);
      const content = objects.blob(entry?.sha ?? '');
      return entry === undefined || content === undefined
        ? undefined
        : { content: content.toString(), sha: entry.sha };
    },
    folder: (path, ref) => listFolder([...filesOf(ref).keys()], path),
    putFile: (path, content, ref, expected) => {
      if (!branches.has(ref)) throw new ApiError(404, `Branch ${ref} not found`);
      const present = repository.file(path, ref)?.sha;
      if (present !== undefined && expected === undefined)
        throw new ApiError(422, 'Invalid request.\n\n"sha" wasn\'t supplied.');
      if (expected !== undefined && present !== expected) {
        throw new ApiError(409, `${path} does not match ${expected}`);
      }
      const commit = repository.commit(ref, 'octocat', `Write ${path}`, { [path]: content });
      return { sha: repository.file(path, ref)?.sha ?? '', commit };
    },
    commit: (branch, author, message, changes) => {
      const parent = branches.get(branch);
      if (parent === undefined) throw new ApiError(404, `Branch ${branch} not found`);
      const files = new Map(filesOf(branch));
      for (const [path, content] of Object.entries(changes)) {
        if (content === null) files.delete(path);
        else
          files.set(path, {
            path,
            mode: files.get(path)?.mode ?? '100644',
            sha: objects.putBlob(Buffer.from(content)),
          });
      }
      const tree = objects.putFiles(files);
      const commit = objects.putCommit({ tree, parents: [parent], message, author, at: new Date() });
      branches.set(branch, commit);
      return commit;
    },
    pulls,
    openPull: (wanted) => {
      if (!branches.has(wanted.head)) throw invalid('PullRequest', 'head is invalid');
      if (!branches.has(wanted.base)) throw invalid('PullRequest', 'base is invalid');
      if (
        pulls.some(
          ({ head, base, state }) => state === 'open' && head === wanted.head && base === wanted.base,
        )
      ) {
        throw invalid('PullRequest', `A pull request already exists for ${owner}:${wanted.head}.`);
      }
      if (objects.history(branches.get(wanted.base) ?? '').has(branches.get(wanted.head) ?? '')) {
        throw invalid('PullRequest', `No commits between ${wanted.base} and ${wanted.head}`);
      }
      const pull: PullRequest = {
        ...wanted,
        number: pulls.length + 1,
        state: 'open',
        merged: false,
        comments: [],
      };
      pulls.push(pull);
      return pull;
    },
    closePull: (pull) => {
      const head = branches.get(pull.head);
      Object.assign(pull, { state: 'closed', ...(head === undefined ? {} : { closedAt: head }) });
    },
    squashPull: (pull, author) => {
      const head = filesOf(pull.head);
      const base = filesOf(pull.base);
      const changes = [...head].filter(([path, { sha }]) => base.get(path)?.sha !== sha);
      repository.commit(
        pull.base,
        author,
        `${pull.title} (#${pull.number})`,
        Object.fromEntries(changes.map(([path, { sha }]) => [path, objects.blob(sha)?.toString() ?? ''])),
      );
      repository.closePull(pull);
      pull.merged = true;
    },
    headOf: (pull) => (pull.state === 'closed' ? pull.closedAt : branches.get(pull.head)),
  };
  return repository;
}

function requireCommit(objects: GitObjects, sha: string): void {
  if (objects.commit(sha) === undefined) throw new ApiError(422, 'Object does not exist');
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
