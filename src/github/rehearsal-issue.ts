import { z } from 'zod';

import type { RepositoryClient } from './repository-client.ts';

const issueAnswer = z.object({
  number: z.number(),
  body: z.string().nullish(),
  html_url: z.string(),
  user: z.object({ type: z.string().optional() }).nullish(),
  /** Pull requests stand in the list, too. */
  pull_request: z.unknown().optional(),
});
type Issue = z.infer<typeof issueAnswer>;

/** By it people find the issue, and subscribe to it. */
export const REHEARSAL_LABEL = 'migration-rehearsal';
const PER_PAGE = 100;
const MOST_PAGES = 5;
/** GitHub takes 65,536 characters. */
const LONGEST_BODY = 60_000;

export interface IssueText {
  title: string;
  /** Markdown; whatever came from outside is escaped in it. */
  body: string;
}

export interface ToldInIssue {
  change: 'opened' | 'updated' | 'closed' | 'none';
  /** Its address; null when there is none. */
  url: string | null;
}

/**
 * Tells of a rehearsal that did not pass in one issue of the user's repository: a new one, or the one that is open for the
 * same subject. A person's own issue is never touched, whatever it says.
 *
 * @param subject what is rehearsed, such as `shop-production shadow`: there is one issue for each
 * @throws RefusedError when the token may not, or the repository has no issues
 */
export async function openIssue(
  client: RepositoryClient,
  subject: string,
  { title, body }: IssueText,
): Promise<ToldInIssue> {
  const there = await openIssueOf(client, subject);
  const text = `${markOf(subject)}\n${body}`.slice(0, LONGEST_BODY);
  if (there === undefined) {
    const wanted = { title, body: text, labels: [REHEARSAL_LABEL] };
    const made = await client.ask('to open an issue', 'POST /issues', wanted, issueAnswer);
    return { change: 'opened', url: made.html_url };
  }
  const wanted = { number: there.number, title, body: text };
  await client.ask('to change the issue', 'PATCH /issues/{number}', wanted, issueAnswer);
  return { change: 'updated', url: there.html_url };
}

/** Closes the issue of a subject that is green again, with a word about why; does nothing when there is none. */
export async function closeIssue(
  client: RepositoryClient,
  subject: string,
  comment: string,
): Promise<ToldInIssue> {
  const there = await openIssueOf(client, subject);
  if (there === undefined) return { change: 'none', url: null };
  const { number } = there;
  const id = z.object({ id: z.number() });
  await client.ask(
    'to comment on the issue',
    'POST /issues/{number}/comments',
    { number, body: comment },
    id,
  );
  const closed = { number, state: 'closed', state_reason: 'completed' };
  await client.ask('to close the issue', 'PATCH /issues/{number}', closed, issueAnswer);
  return { change: 'closed', url: there.html_url };
}

/** With its label first: a repository may have thousands of issues. Without, since the label may have been taken off. */
async function openIssueOf(client: RepositoryClient, subject: string): Promise<Issue | undefined> {
  return (await search(client, subject, { labels: REHEARSAL_LABEL })) ?? (await search(client, subject, {}));
}

async function search(
  client: RepositoryClient,
  subject: string,
  filter: Record<string, string>,
): Promise<Issue | undefined> {
  const mark = markOf(subject);
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const query = { state: 'open', per_page: PER_PAGE, page, ...filter };
    const found = await client.ask('the open issues', 'GET /issues', query, z.array(issueAnswer));
    const own = found.find(
      ({ body, user, pull_request: pull }) =>
        pull === undefined && user?.type === 'Bot' && (body ?? '').startsWith(mark),
    );
    if (own !== undefined || found.length < PER_PAGE) return own;
  }
  return undefined;
}

/** Invisible on the page. Ids of migrations and depths hold nothing that would close a comment of HTML. */
function markOf(subject: string): string {
  return `<!-- heroku-to-digitalocean rehearsal of ${subject} -->`;
}
