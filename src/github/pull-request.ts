import { asSentence, ConfigurationError } from '../errors.ts';
import { decideFiles, type DecidedFiles, type ProposedFile } from './file-decisions.ts';
import { blobId, createGitData, type GitData, type NewEntry } from './git-data.ts';
import { isOurs, newBody, renewedBody } from './pull-request-body.ts';
import { createPulls, PullsNotPermittedError, type LineComment, type Pull, type Pulls } from './pulls.ts';
import { RefusedError, UncertainError, type RepositoryClient } from './repository-client.ts';
import { messageWith, readWrittenFiles, type WrittenFiles } from './written-files.ts';

export type { ProposedFile } from './file-decisions.ts';
export type { LineComment } from './pulls.ts';

export interface FilesProposal {
  /** Always the same name for the same proposal, so that there is one pull request. */
  branch: string;
  /** Of the commit and of a new pull request. */
  title: string;
  /** Markdown. A function is given what the proposal could not hold. */
  body: string | ((left: LeftOut) => string);
  /** The repository's default branch unless given. */
  base?: string;
  files: readonly ProposedFile[];
  comments?: readonly LineComment[];
}

/** What is not in the pull request. */
export interface LeftOut {
  /** Files that a person wrote, changed or deleted: they stay as they are. */
  untouched: { path: string; why: string }[];
  /** Workflows that the token may not write. */
  refused: string[];
  /** Questions whose line is not in the pull request. */
  unplaced: LineComment[];
}

/**
 * - `opened`, `updated`, `unchanged`: the pull request is open.
 * - `merged`: it was merged, and there is nothing to add. `closed`: a person closed it; it is not opened again.
 * - `not-opened`: the branch is there, and the repository does not let jobs open pull requests; `url` opens it by hand.
 * - `nothing`: everything is there already, or is a person's.
 */
export type ProposalOutcome =
  'opened' | 'updated' | 'unchanged' | 'merged' | 'closed' | 'not-opened' | 'nothing';

export interface ProposalResult extends LeftOut {
  outcome: ProposalOutcome;
  url: string | undefined;
}

export interface ProposalApi extends RepositoryClient {
  /** `https://github.com/owner/name`. */
  readonly pageUrl: string;
}

/** The branch or the pull request changed while we looked. */
class MovedError extends Error {
  override readonly name = 'MovedError';
}

const TRIES = 4;
const PAUSE_MS = 1_500;

/**
 * Proposes files as one pull request of one commit, and brings it up to date when run again: never a second one, never a
 * push over anybody's work, and no file that a person has edited since. The base branch is not touched.
 *
 * @throws ConfigurationError when the token may not write, or the branch's name is taken by somebody else's work
 */
export async function proposeFiles(api: ProposalApi, proposal: FilesProposal): Promise<ProposalResult> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await proposeOnce(api, proposal);
    } catch (error) {
      const again = error instanceof MovedError || error instanceof UncertainError;
      if (again && left > 1) await api.clock.sleep(PAUSE_MS, api.signal);
      else if (again)
        throw cannot(`GitHub did not answer clearly or the branch kept moving: ${error.message}`);
      else throw isForbidden(error) ? mayNotWrite(error) : error;
    }
  }
}

async function proposeOnce(api: ProposalApi, proposal: FilesProposal): Promise<ProposalResult> {
  const git = createGitData(api);
  const pulls = createPulls(api);
  const base = proposal.base ?? (await git.defaultBranch());
  const [start, tip, earlier] = await Promise.all([
    git.branch(base),
    git.branch(proposal.branch),
    pulls.from(proposal.branch),
  ]);
  if (start === undefined)
    throw cannot(`the branch ${base} does not exist; an empty repository needs a first commit`);
  const open = earlier.find(({ state }) => state === 'open');
  const last = open ?? earlier[0];
  if (last !== undefined && open === undefined && last.merged_at == null) {
    return { outcome: 'closed', url: last.html_url, untouched: [], refused: [], unplaced: [] };
  }

  const place = await placeOf(git, { proposal, start, tip, open, last });
  const decided = await decideFiles(git, proposal.files, { ...place, start });
  const { written, refused } = await write(git, proposal, place, decided);
  const kept = [...decided.same, ...written.map(({ path }) => path)];
  const [placed, unplaced] = split(
    proposal.comments ?? [],
    ({ path }) => kept.includes(path) && decided.isNew.has(path),
  );
  const left: LeftOut = { untouched: decided.untouched, refused, unplaced };

  const onBranch = written.length > 0 || (tip !== undefined && !place.fresh);
  if (open === undefined && !onBranch) {
    const outcome = last === undefined ? 'nothing' : 'merged';
    return { ...left, outcome, url: last?.html_url };
  }
  return publish({ api, pulls, proposal, base, open, changed: written.length > 0, placed, left });
}

interface Place {
  /** The commit that ours goes on. */
  parent: string;
  /** The branch has to be made; `stale`: deleted before. */
  fresh: boolean;
  stale: boolean;
  /** What an earlier run wrote. */
  earlier: WrittenFiles;
}

/** Where our commit goes, unless the branch is somebody else's. */
async function placeOf(
  git: GitData,
  found: {
    proposal: FilesProposal;
    start: string;
    tip: string | undefined;
    open: Pull | undefined;
    last: Pull | undefined;
  },
): Promise<Place> {
  const { proposal, start, tip, open, last } = found;
  const none: WrittenFiles = new Map();
  if (tip === undefined || (open === undefined && tip === last?.head.sha)) {
    const earlier = last === undefined ? none : ((await readWrittenFiles(git, last.head.sha)) ?? none);
    return { parent: start, fresh: true, stale: tip !== undefined, earlier };
  }
  const earlier = await readWrittenFiles(git, tip, await git.commitsAhead(start, tip));
  if (earlier === undefined && !(open !== undefined && isOurs(open.body ?? ''))) {
    throw cannot(
      `the branch ${proposal.branch} is not of an earlier proposal, so it is left alone. Rename or delete it`,
    );
  }
  return { parent: tip, fresh: false, stale: false, earlier: earlier ?? none };
}

/** One commit with everything that the token may write. */
async function write(
  git: GitData,
  proposal: FilesProposal,
  place: Place,
  { entries }: DecidedFiles,
): Promise<{ written: NewEntry[]; refused: string[] }> {
  const [workflows, others] = split(entries, ({ path }) => path.startsWith('.github/workflows/'));
  if (entries.length === 0) return { written: [], refused: [] };
  try {
    await commit(git, proposal, place, entries);
    return { written: entries, refused: [] };
  } catch (error) {
    if (!isForbidden(error) || workflows.length === 0) throw error;
  }
  // GitHub says no more than "not accessible" when it is the workflows that a token may not write: what is without them?
  if (others.length > 0) await commit(git, proposal, place, others);
  return { written: others, refused: workflows.map(({ path }) => path) };
}

async function commit(
  git: GitData,
  { title, branch }: FilesProposal,
  { parent, fresh, stale, earlier }: Place,
  entries: readonly NewEntry[],
): Promise<void> {
  const written = new Map(earlier);
  for (const entry of entries) if ('content' in entry) written.set(entry.path, blobId(entry.content));
  const sha = await git.createCommit({ parent, entries, message: messageWith(title, written) });
  try {
    if (stale) await git.deleteBranch(branch);
    if (fresh) await git.createBranch(branch, sha);
    else await git.moveBranch(branch, sha);
  } catch (error) {
    if (
      error instanceof RefusedError &&
      /already exists|not a fast forward|does not exist/.test(error.message)
    ) {
      throw new MovedError(error.message);
    }
    throw error;
  }
}

/** The pull request, its text and its questions. */
async function publish(o: {
  api: ProposalApi;
  pulls: Pulls;
  proposal: FilesProposal;
  base: string;
  open: Pull | undefined;
  changed: boolean;
  placed: LineComment[];
  left: LeftOut;
}): Promise<ProposalResult> {
  const { api, pulls, proposal, base, open, placed } = o;
  let { left } = o;
  const text = (): string => (typeof proposal.body === 'string' ? proposal.body : proposal.body(left));
  let pull: Pull;
  try {
    pull = open ?? (await openPull(pulls, proposal, base, newBody(text())));
  } catch (error) {
    if (!(error instanceof PullsNotPermittedError)) throw error;
    const url = `${api.pageUrl}/compare/${encodeURIComponent(base)}...${encodeURIComponent(proposal.branch)}?expand=1`;
    return { ...left, unplaced: [...left.unplaced, ...placed], outcome: 'not-opened', url };
  }
  let asked = 0;
  try {
    asked = await pulls.comment(pull.number, placed);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 422) throw error;
    left = { ...left, unplaced: [...left.unplaced, ...placed] };
  }
  const present = (pull.body ?? '').replaceAll('\r\n', '\n');
  const wanted = renewedBody(present, text());
  const reworded = wanted !== undefined && wanted.trimEnd() !== present.trimEnd();
  if (reworded) await pulls.changeBody(pull.number, wanted);
  const outcome =
    open === undefined ? 'opened' : o.changed || asked > 0 || reworded ? 'updated' : 'unchanged';
  return { ...left, outcome, url: pull.html_url };
}

async function openPull(
  pulls: Pulls,
  { title, branch }: FilesProposal,
  base: string,
  body: string,
): Promise<Pull> {
  try {
    return await pulls.open({ title, head: branch, base, body });
  } catch (error) {
    if (error instanceof PullsNotPermittedError) throw error;
    if (error instanceof RefusedError && /already exists/.test(error.message))
      throw new MovedError(error.message);
    throw error;
  }
}

/** 404 is how GitHub says it to tokens of people that lack a scope. */
function isForbidden(error: unknown): error is RefusedError {
  return error instanceof RefusedError && (error.status === 403 || error.status === 404);
}

function mayNotWrite(cause: RefusedError): ConfigurationError {
  return cannot(
    `${asSentence(cause.message)} Give the job \`permissions: contents: write\` and \`pull-requests: write\` (a run of a fork's pull request gets neither), or give the input github-token a token that has both`,
  );
}

function cannot(why: string): ConfigurationError {
  return new ConfigurationError(`The files could not be proposed as a pull request: ${why}.`);
}

function split<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
