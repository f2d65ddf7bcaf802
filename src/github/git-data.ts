import { createHash } from 'node:crypto';
import { z } from 'zod';

import { RefusedError, type RepositoryClient } from './repository-client.ts';

const reference = z.object({ object: z.object({ sha: z.string() }) });
const made = z.object({ sha: z.string() });
const commitAnswer = z.object({
  sha: z.string(),
  message: z.string(),
  tree: z.object({ sha: z.string() }),
  parents: z.array(z.object({ sha: z.string() })),
});
const repositoryAnswer = z.object({ default_branch: z.string() });
const comparison = z.object({ ahead_by: z.number() });
/** A folder comes as a list. */
const contents = z.union([z.array(z.unknown()), z.object({ type: z.string(), sha: z.string() })]);

export type GitCommit = z.infer<typeof commitAnswer>;

/** A file in a new tree: its text, or a blob that the repository has. */
export type NewEntry = { path: string } & ({ content: string } | { sha: string });

/** What is at a path: a file by the id of its contents, something else, or nothing. */
export type AtPath = { blob: string } | 'no-file' | undefined;

/** Branches and commits through GitHub's git data API, so that one commit holds several files. */
export interface GitData {
  defaultBranch(): Promise<string>;
  /** The commit of a branch; undefined: there is none. */
  branch(name: string): Promise<string | undefined>;
  commit(sha: string): Promise<GitCommit>;
  /** How many commits `head` has that `base` has not. */
  commitsAhead(base: string, head: string): Promise<number>;
  at(path: string, commit: string): Promise<AtPath>;
  /** A commit on top of `parent` with these files changed; no branch points to it yet. */
  createCommit(o: { parent: string; entries: readonly NewEntry[]; message: string }): Promise<string>;
  createBranch(name: string, commit: string): Promise<void>;
  /** Forward only: refused (422) when the branch has moved meanwhile. */
  moveBranch(name: string, commit: string): Promise<void>;
  deleteBranch(name: string): Promise<void>;
}

export function createGitData(client: RepositoryClient): GitData {
  const commit = (sha: string) => client.ask('a commit', 'GET /git/commits/{sha}', { sha }, commitAnswer);
  return {
    defaultBranch: async () =>
      (await client.ask('the repository', 'GET ', {}, repositoryAnswer)).default_branch,
    branch: async (name) => {
      const ref = { ref: `heads/${name}` };
      const found = await orAbsent(client.ask(`the branch ${name}`, 'GET /git/ref/{ref}', ref, reference));
      return found?.object.sha;
    },
    commit,
    commitsAhead: async (base, head) => {
      const basehead = { basehead: `${base}...${head}` };
      return (await client.ask('a comparison', 'GET /compare/{basehead}', basehead, comparison)).ahead_by;
    },
    at: async (path, ref) => {
      const found = await orAbsent(client.ask(path, 'GET /contents/{path}', { path, ref }, contents));
      if (found === undefined) return undefined;
      return 'sha' in found && found.type === 'file' ? { blob: found.sha } : 'no-file';
    },
    createCommit: async ({ parent, entries, message }) => {
      const tree = await client.ask(
        `to take files (${entries.map(({ path }) => path).join(', ')})`,
        'POST /git/trees',
        {
          base_tree: (await commit(parent)).tree.sha,
          tree: entries.map((entry) => ({ ...entry, mode: '100644', type: 'blob' })),
        },
        made,
      );
      const body = { message, tree: tree.sha, parents: [parent] };
      return (await client.ask('to take a commit', 'POST /git/commits', body, made)).sha;
    },
    createBranch: async (name, sha) => {
      const body = { ref: `refs/heads/${name}`, sha };
      await client.ask(`to make the branch ${name}`, 'POST /git/refs', body, reference);
    },
    moveBranch: async (name, sha) => {
      const body = { ref: `heads/${name}`, sha, force: false };
      await client.ask(`to move the branch ${name}`, 'PATCH /git/refs/{ref}', body, reference);
    },
    deleteBranch: async (name) => {
      const ref = { ref: `heads/${name}` };
      await client.ask(`to delete the branch ${name}`, 'DELETE /git/refs/{ref}', ref, z.unknown());
    },
  };
}

/** The id that git gives a file's contents. */
export function blobId(content: string): string {
  const bytes = Buffer.from(content);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return undefined;
    throw error;
  }
}
