import { ApiError, invalid } from './api-error.ts';
import type { PullRequest, ReviewComment } from './repository.ts';
import {
  ok,
  optionalText,
  page,
  route,
  text,
  user,
  type ApiAnswer,
  type ApiRequest,
  type ApiState,
  type Route,
} from './route.ts';

/** Pull requests and their review comments (https://docs.github.com/rest/pulls). */
export const pullRoutes: Route[] = [
  route('GET', '/pulls', ['pull-requests', 'read'], listPulls),
  route('POST', '/pulls', ['pull-requests', 'write'], createPull),
  route('GET', '/pulls/(\\d+)', ['pull-requests', 'read'], (state, _request, [number]) =>
    ok(pullBody(state, pullOf(state, number))),
  ),
  route('PATCH', '/pulls/(\\d+)', ['pull-requests', 'write'], changePull),
  route('GET', '/pulls/(\\d+)/comments', ['pull-requests', 'read'], (state, request, [number]) => {
    const pull = pullOf(state, number);
    return ok(page(pull.comments, request.query).map((comment) => commentBody(state, pull, comment)));
  }),
  route('POST', '/pulls/(\\d+)/reviews', ['pull-requests', 'write'], createReview),
];

const BOT = 'github-actions[bot]';
/** What GitHub takes for the body of a pull request, in characters. */
const LONGEST_BODY = 65_536;

function listPulls(state: ApiState, request: ApiRequest): ApiAnswer {
  const wanted = request.query.get('state') ?? 'open';
  const [owner = ''] = state.name.split('/');
  const head = request.query.get('head');
  const base = request.query.get('base');
  const pulls = state.repository.pulls
    .filter(
      (pull) =>
        (wanted === 'all' || pull.state === wanted) &&
        // Without the owner in front GitHub does not look at it.
        (!head?.includes(':') || head === `${owner}:${pull.head}`) &&
        (base === null || pull.base === base),
    )
    .reverse();
  return ok(page(pulls, request.query).map((pull) => pullBody(state, pull)));
}

function createPull(state: ApiState, request: ApiRequest): ApiAnswer {
  // The switch is about jobs' own tokens; those never have this permission, and an app's or a person's is not asked.
  const isJobs = request.permissions['workflows'] === undefined;
  if (isJobs && !state.settings.workflows.mayCreatePullRequests) {
    throw new ApiError(403, 'GitHub Actions is not permitted to create or approve pull requests.');
  }
  const pull = state.repository.openPull({
    title: text(request.body, 'title'),
    body: shortBody(request) ?? '',
    head: text(request.body, 'head').split(':').at(-1) ?? '',
    base: text(request.body, 'base'),
  });
  return { status: 201, body: pullBody(state, pull) };
}

function changePull(state: ApiState, request: ApiRequest, [number]: string[]): ApiAnswer {
  const pull = pullOf(state, number);
  pull.title = optionalText(request.body, 'title') ?? pull.title;
  pull.body = shortBody(request) ?? pull.body;
  if (optionalText(request.body, 'state') === 'closed') state.repository.closePull(pull);
  return ok(pullBody(state, pull));
}

function shortBody(request: ApiRequest): string | undefined {
  const body = optionalText(request.body, 'body');
  if (body !== undefined && body.length > LONGEST_BODY) {
    throw invalid('Issue', `body is too long (maximum is ${LONGEST_BODY} characters)`);
  }
  return body;
}

interface WantedComment {
  path?: string;
  line?: number;
  body?: string;
}

function createReview(state: ApiState, request: ApiRequest, [number]: string[]): ApiAnswer {
  const pull = pullOf(state, number);
  const {
    event,
    body,
    comments = [],
  } = request.body as {
    event?: string;
    body?: string;
    comments?: WantedComment[];
  };
  if (event === 'COMMENT' && (body ?? '') === '' && comments.length === 0) {
    throw new ApiError(422, 'Unprocessable Entity', ['Review body is required']);
  }
  if (comments.some(({ path = '', line = 0 }) => !isInDiff(state, pull, path, line))) {
    throw new ApiError(422, 'Unprocessable Entity', [
      "Pull request review thread line must be part of the diff and Pull request review thread diff hunk can't be blank",
    ]);
  }
  const made = comments.map((comment, index): ReviewComment => ({
    id: pull.number * 1_000 + pull.comments.length + index + 1,
    path: comment.path ?? '',
    line: comment.line ?? 0,
    body: comment.body ?? '',
    user: BOT,
  }));
  pull.comments.push(...made);
  return {
    status: 200,
    body: { id: pull.comments.length, body: body ?? '', state: 'COMMENTED', user: user(BOT) },
  };
}

/** Played for new files, of which every line is in it; what a changed one shows beside its changes is not. */
function isInDiff({ repository }: ApiState, pull: PullRequest, path: string, line: number): boolean {
  const file = repository.file(path, repository.headOf(pull) ?? '');
  if (file === undefined || repository.file(path, pull.base) !== undefined) return false;
  return line >= 1 && line <= file.content.replace(/\n$/, '').split('\n').length;
}

function commentBody(state: ApiState, pull: PullRequest, comment: ReviewComment) {
  return {
    ...comment,
    side: 'RIGHT',
    user: user(comment.user),
    commit_id: state.repository.headOf(pull),
    html_url: `https://github.com/${state.name}/pull/${pull.number}#discussion_r${comment.id}`,
  };
}

function pullOf(state: ApiState, number: string | undefined): PullRequest {
  const pull = state.repository.pulls.find((one) => one.number === Number(number));
  if (!pull) throw new ApiError(404, 'Not Found');
  return pull;
}

function pullBody(state: ApiState, pull: PullRequest) {
  const { number, title, body, state: phase, merged } = pull;
  const [owner = ''] = state.name.split('/');
  return {
    number,
    id: number,
    title,
    body,
    state: phase,
    merged_at: merged ? state.createdAt.toISOString() : null,
    head: {
      label: `${owner}:${pull.head}`,
      ref: pull.head,
      sha: state.repository.headOf(pull),
      repo: { full_name: state.name },
    },
    base: { label: `${owner}:${pull.base}`, ref: pull.base, sha: state.repository.branch(pull.base)?.commit },
    html_url: `https://github.com/${state.name}/pull/${number}`,
    user: { login: BOT, type: 'Bot' },
  };
}
