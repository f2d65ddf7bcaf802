import { ApiError, invalid } from './api-error.ts';
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

/** An issue of the repository. GitHub numbers issues and pull requests together; here each has a range of its own. */
export interface Issue {
  number: number;
  title: string;
  body: string;
  labels: string[];
  state: 'open' | 'closed';
  stateReason: string | null;
  user: string;
  comments: string[];
}

/** Issues and their comments (https://docs.github.com/rest/issues). */
export const issueRoutes: Route[] = [
  route('GET', '/issues', ['issues', 'read'], listIssues),
  route('POST', '/issues', ['issues', 'write'], createIssue),
  route('PATCH', '/issues/(\\d+)', ['issues', 'write'], changeIssue),
  route('POST', '/issues/(\\d+)/comments', ['issues', 'write'], comment),
];

const BOT = 'github-actions[bot]';
const FIRST = 5_001;
/** What GitHub takes for the body of an issue, in characters. */
const LONGEST_BODY = 65_536;

export function newIssue(
  there: readonly Issue[],
  o: Pick<Issue, 'title' | 'body' | 'user'> & { labels?: string[] },
): Issue {
  return {
    labels: [],
    ...o,
    number: FIRST + there.length,
    state: 'open',
    stateReason: null,
    comments: [],
  };
}

/** Pull requests stand among the issues, each told apart by a key of its own. The newest first. */
function listIssues(state: ApiState, request: ApiRequest): ApiAnswer {
  refuseWithoutIssues(state);
  const wanted = request.query.get('state') ?? 'open';
  const labels = (request.query.get('labels') ?? '').split(',').filter((label) => label !== '');
  const issues = state.issues
    .filter((issue) => wanted === 'all' || issue.state === wanted)
    .filter((issue) => labels.every((label) => issue.labels.includes(label)))
    .map((issue) => issueBody(state, issue));
  const pulls = state.repository.pulls
    .filter((pull) => labels.length === 0 && (wanted === 'all' || pull.state === wanted))
    .map(({ number, title, body, state: phase }) => ({
      number,
      title,
      body,
      state: phase,
      labels: [],
      user: user(BOT),
      html_url: `https://github.com/${state.name}/pull/${number}`,
      pull_request: { url: `${state.url}/repos/${state.name}/pulls/${number}` },
    }));
  return ok(page([...issues, ...pulls].reverse(), request.query));
}

function createIssue(state: ApiState, request: ApiRequest): ApiAnswer {
  refuseWithoutIssues(state);
  const issue = newIssue(state.issues, {
    title: text(request.body, 'title'),
    body: shortBody(request) ?? '',
    labels: labelsOf(request),
    user: BOT,
  });
  state.issues.push(issue);
  return { status: 201, body: issueBody(state, issue) };
}

function changeIssue(state: ApiState, request: ApiRequest, [number]: string[]): ApiAnswer {
  const issue = issueOf(state, number);
  issue.title = optionalText(request.body, 'title') ?? issue.title;
  issue.body = shortBody(request) ?? issue.body;
  const wanted = optionalText(request.body, 'state');
  if (wanted !== undefined && wanted !== 'open' && wanted !== 'closed') {
    throw invalid('Issue', 'state is not one of: open, closed');
  }
  issue.state = wanted ?? issue.state;
  issue.stateReason = optionalText(request.body, 'state_reason') ?? issue.stateReason;
  return ok(issueBody(state, issue));
}

function comment(state: ApiState, request: ApiRequest, [number]: string[]): ApiAnswer {
  const issue = issueOf(state, number);
  issue.comments.push(text(request.body, 'body'));
  return {
    status: 201,
    body: { id: issue.number * 1_000 + issue.comments.length, body: issue.comments.at(-1), user: user(BOT) },
  };
}

function refuseWithoutIssues(state: ApiState): void {
  if (!state.settings.hasIssues) throw new ApiError(410, 'Issues has been disabled in this repository.');
}

function labelsOf({ body }: ApiRequest): string[] {
  const labels = (body as { labels?: unknown } | undefined)?.labels;
  return Array.isArray(labels) ? labels.filter((label) => typeof label === 'string') : [];
}

function shortBody(request: ApiRequest): string | undefined {
  const body = optionalText(request.body, 'body');
  if (body !== undefined && body.length > LONGEST_BODY) {
    throw invalid('Issue', `body is too long (maximum is ${LONGEST_BODY} characters)`);
  }
  return body;
}

function issueOf(state: ApiState, number: string | undefined): Issue {
  refuseWithoutIssues(state);
  const issue = state.issues.find((one) => one.number === Number(number));
  if (!issue) throw new ApiError(404, 'Not Found');
  return issue;
}

function issueBody(state: ApiState, issue: Issue) {
  return {
    number: issue.number,
    id: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    state_reason: issue.stateReason,
    labels: issue.labels.map((name) => ({ name })),
    user: { ...user(issue.user), type: issue.user.endsWith('[bot]') ? 'Bot' : 'User' },
    html_url: `https://github.com/${state.name}/issues/${issue.number}`,
    comments: issue.comments.length,
  };
}
