import { ApiError } from './api-error.ts';
import { isFolder, type TreeEntry } from './git-objects.ts';
import {
  ok,
  optionalText,
  route,
  text,
  user,
  type ApiAnswer,
  type ApiRequest,
  type ApiState,
  type Route,
} from './route.ts';
import type { TokenPermissions } from './world.ts';

/** Files, branches, and git's objects (https://docs.github.com/rest/git, /rest/repos/contents, /rest/commits). */
export const gitRoutes: Route[] = [
  route('GET', '/branches/(.+)', ['contents', 'read'], (state, _request, [name = '']) =>
    ok(branchBody(state, name)),
  ),
  route('GET', '/contents/?(.*)', ['contents', 'read'], readContents),
  route('PUT', '/contents/(.+)', ['contents', 'write'], writeContents),
  route('GET', '/commits/(.+)', ['contents', 'read'], (state, _request, [ref = '']) =>
    ok(repositoryCommit(state, ref)),
  ),
  route('GET', '/compare/(.+)\\.\\.\\.(.+)', ['contents', 'read'], compare),
  route('GET', '/git/ref/heads/(.+)', ['contents', 'read'], (state, _request, [name = '']) =>
    ok(refBody(state, name)),
  ),
  route('POST', '/git/refs', ['contents', 'write'], createRef),
  route('PATCH', '/git/refs/heads/(.+)', ['contents', 'write'], (state, request, [name = '']) => {
    const force = (request.body as { force?: unknown } | undefined)?.force === true;
    state.repository.moveBranch(name, text(request.body, 'sha'), force);
    return ok(refBody(state, name));
  }),
  route('DELETE', '/git/refs/heads/(.+)', ['contents', 'write'], (state, _request, [name = '']) => {
    state.repository.deleteBranch(name);
    return { status: 204 };
  }),
  route('GET', '/git/commits/([0-9a-f]{40})', ['contents', 'read'], (state, _request, [sha = '']) =>
    ok(commitBody(state, sha)),
  ),
  route('POST', '/git/commits', ['contents', 'write'], createCommit),
  route('GET', '/git/trees/([0-9a-f]{40})', ['contents', 'read'], readTree),
  route('POST', '/git/trees', ['contents', 'write'], createTree),
  route('POST', '/git/blobs', ['contents', 'write'], createBlob),
];

function branchBody(state: ApiState, name: string) {
  const branch = state.repository.branch(name);
  if (!branch) throw new ApiError(404, 'Branch not found');
  const isProtected = name === state.defaultBranch || state.settings.protectedBranches.has(name);
  return { name, commit: { sha: branch.commit }, protected: isProtected };
}

function readContents(state: ApiState, request: ApiRequest, [path = '']: string[]): ApiAnswer {
  const ref = request.query.get('ref') ?? state.defaultBranch;
  if (state.repository.commitOf(ref) === undefined) {
    throw new ApiError(404, `No commit found for the ref ${ref}`);
  }
  const file = state.repository.file(path, ref);
  if (file) {
    const content = Buffer.from(file.content).toString('base64');
    const size = Buffer.byteLength(file.content);
    return ok({
      type: 'file',
      name: path.split('/').at(-1),
      path,
      sha: file.sha,
      size,
      encoding: 'base64',
      content,
    });
  }
  const entries = state.repository.folder(path, ref);
  if (entries.length === 0 && path !== '') throw new ApiError(404, 'Not Found');
  return ok(entries);
}

function writeContents(state: ApiState, request: ApiRequest, [path = '']: string[]): ApiAnswer {
  refuseWorkflows(request.permissions, [path]);
  const branch = optionalText(request.body, 'branch') ?? state.defaultBranch;
  const content = Buffer.from(text(request.body, 'content'), 'base64').toString();
  text(request.body, 'message');
  const isNew = state.repository.file(path, branch) === undefined;
  const { sha, commit } = state.repository.putFile(path, content, branch, optionalText(request.body, 'sha'));
  return {
    status: isNew ? 201 : 200,
    body: { content: { path, sha, type: 'file' }, commit: { sha: commit } },
  };
}

/**
 * A job's own token may never write workflows, whatever the job was granted; a token of an app or a person may with the
 * permission `workflows`. This is how GitHub refuses (googleapis/release-please-action#704).
 */
function refuseWorkflows(permissions: TokenPermissions, paths: readonly string[]): void {
  if (permissions['workflows'] === 'write') return;
  if (paths.some((path) => path.startsWith('.github/workflows/'))) {
    throw new ApiError(403, 'Resource not accessible by integration');
  }
}

function refBody(state: ApiState, name: string) {
  const branch = state.repository.branch(name);
  if (!branch) throw new ApiError(404, 'Not Found');
  return {
    ref: `refs/heads/${name}`,
    node_id: `REF_${name}`,
    url: `${state.url}/repos/${state.name}/git/refs/heads/${name}`,
    object: {
      type: 'commit',
      sha: branch.commit,
      url: `${state.url}/repos/${state.name}/git/commits/${branch.commit}`,
    },
  };
}

function createRef(state: ApiState, request: ApiRequest): ApiAnswer {
  const ref = text(request.body, 'ref');
  if (!ref.startsWith('refs/heads/')) throw new ApiError(422, 'Reference name is not valid.');
  const name = ref.slice('refs/heads/'.length);
  state.repository.createBranch(name, text(request.body, 'sha'));
  return { status: 201, body: refBody(state, name) };
}

function commitBody(state: ApiState, sha: string) {
  const commit = state.repository.objects.commit(sha);
  if (!commit) throw new ApiError(404, 'Not Found');
  const who = {
    name: commit.author,
    email: `${commit.author}@users.noreply.github.com`,
    date: commit.at.toISOString(),
  };
  const url = (kind: string, id: string) => `${state.url}/repos/${state.name}/git/${kind}/${id}`;
  const page = (id: string) => `https://github.com/${state.name}/commit/${id}`;
  return {
    sha,
    node_id: `C_${sha}`,
    url: url('commits', sha),
    html_url: page(sha),
    author: who,
    committer: who,
    message: commit.message,
    tree: { sha: commit.tree, url: url('trees', commit.tree) },
    parents: commit.parents.map((id) => ({ sha: id, url: url('commits', id), html_url: page(id) })),
    verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
  };
}

/** The form in which `/commits` and `/compare` tell a commit. */
function repositoryCommit(state: ApiState, ref: string) {
  const sha = state.repository.commitOf(ref);
  if (sha === undefined) throw new ApiError(422, `No commit found for SHA: ${ref}`);
  const { author, committer, message, tree, parents, verification, node_id, html_url } = commitBody(
    state,
    sha,
  );
  return {
    sha,
    node_id,
    html_url,
    url: `${state.url}/repos/${state.name}/commits/${sha}`,
    comments_url: `${state.url}/repos/${state.name}/commits/${sha}/comments`,
    commit: { author, committer, message, tree, comment_count: 0, verification, url: tree.url },
    author: user(author.name),
    committer: user(committer.name),
    parents,
  };
}

/** What the second has that the first has not, oldest first. */
function compare(state: ApiState, _request: ApiRequest, [from = '', to = '']: string[]): ApiAnswer {
  const { objects } = state.repository;
  const base = state.repository.commitOf(from);
  const head = state.repository.commitOf(to);
  if (base === undefined || head === undefined) throw new ApiError(404, 'Not Found');
  const ofBase = objects.history(base);
  const ofHead = objects.history(head);
  const ahead = [...ofHead].filter((sha) => !ofBase.has(sha)).reverse();
  const behind = [...ofBase].filter((sha) => !ofHead.has(sha));
  const common = [...ofHead].find((sha) => ofBase.has(sha));
  if (common === undefined) throw new ApiError(404, `No common ancestor between ${from} and ${to}.`);
  return ok({
    status:
      ahead.length === 0
        ? behind.length === 0
          ? 'identical'
          : 'behind'
        : behind.length === 0
          ? 'ahead'
          : 'diverged',
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    merge_base_commit: repositoryCommit(state, common),
    // GitHub gives 250 at most, the oldest first.
    commits: ahead.slice(0, 250).map((sha) => repositoryCommit(state, sha)),
  });
}

function createCommit(state: ApiState, request: ApiRequest): ApiAnswer {
  const { objects } = state.repository;
  const tree = text(request.body, 'tree');
  const parents = (request.body as { parents?: string[] }).parents ?? [];
  if (objects.tree(tree) === undefined) throw new ApiError(422, 'Tree SHA does not exist');
  if (parents.some((sha) => objects.commit(sha) === undefined)) {
    throw new ApiError(422, 'Parent SHA does not exist or is not a commit object');
  }
  const message = text(request.body, 'message');
  const sha = objects.putCommit({ tree, parents, message, author: 'github-actions[bot]', at: new Date() });
  return { status: 201, body: commitBody(state, sha) };
}

function readTree(state: ApiState, request: ApiRequest, [sha = '']: string[]): ApiAnswer {
  const { objects } = state.repository;
  // A commit's id is taken for its tree.
  const tree = objects.commit(sha)?.tree ?? sha;
  const here = objects.tree(tree);
  if (here === undefined) throw new ApiError(404, 'Not Found');
  const entries = request.query.has('recursive') ? [...objects.files(tree).values()] : here;
  return ok(treeBody(state, tree, entries));
}

function treeBody(state: ApiState, sha: string, entries: readonly TreeEntry[]) {
  const url = (kind: string, id: string) => `${state.url}/repos/${state.name}/git/${kind}/${id}`;
  return {
    sha,
    url: url('trees', sha),
    truncated: false,
    tree: entries.map((entry) => ({
      ...entry,
      type: isFolder(entry) ? 'tree' : 'blob',
      url: url(isFolder(entry) ? 'trees' : 'blobs', entry.sha),
    })),
  };
}

interface WantedEntry {
  path?: string;
  mode?: string;
  sha?: string | null;
  content?: string;
}

function createTree(state: ApiState, request: ApiRequest): ApiAnswer {
  const { objects } = state.repository;
  const wanted = (request.body as { tree?: WantedEntry[] } | undefined)?.tree;
  if (!Array.isArray(wanted)) throw new ApiError(422, 'Invalid request.\n\n"tree" wasn\'t supplied.');
  refuseWorkflows(
    request.permissions,
    wanted.map(({ path = '' }) => path),
  );
  const base = optionalText(request.body, 'base_tree');
  const baseTree = base === undefined ? undefined : (objects.commit(base)?.tree ?? base);
  if (baseTree !== undefined && objects.tree(baseTree) === undefined) {
    throw new ApiError(404, 'Not Found');
  }
  const files = new Map<string, Omit<TreeEntry, 'path'>>(
    baseTree === undefined ? [] : objects.files(baseTree),
  );
  for (const { path = '', mode = '100644', sha, content } of wanted) {
    if (path === '' || path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '')) {
      throw new ApiError(422, 'tree.path contains a malformed path component');
    }
    if (content !== undefined) files.set(path, { mode, sha: objects.putBlob(Buffer.from(content)) });
    else if (sha === null) files.delete(path);
    else if (sha !== undefined && objects.blob(sha) !== undefined) files.set(path, { mode, sha });
    else throw new ApiError(422, 'tree.sha  is not a valid blob');
  }
  const made = objects.putFiles(files);
  return { status: 201, body: treeBody(state, made, objects.tree(made) ?? []) };
}

function createBlob(state: ApiState, request: ApiRequest): ApiAnswer {
  const encoding = optionalText(request.body, 'encoding') === 'base64' ? 'base64' : 'utf8';
  const sha = state.repository.objects.putBlob(Buffer.from(text(request.body, 'content'), encoding));
  return { status: 201, body: { sha, url: `${state.url}/repos/${state.name}/git/blobs/${sha}` } };
}
