import { createHash } from 'node:crypto';
import { z } from 'zod';

import { RefusedError, type RepositoryClient } from './repository-client.ts';

const pullAnswer = z.object({
  number: z.number(),
  state: z.string(),
  body: z.string().nullish(),
  merged_at: z.string().nullish(),
  html_url: z.string(),
  head: z.object({ sha: z.string() }),
});
export type Pull = z.infer<typeof pullAnswer>;

const commentsAnswer = z.array(z.object({ body: z.string().nullish() }));

/** A question on one line of a file, told apart from others by `key`. */
export interface LineComment {
  key: string;
  path: string;
  /** From 1, in the file as proposed. */
  line: number;
  body: string;
}

/** The switch of the repository or its organization that keeps jobs' own tokens from opening pull requests. */
export class PullsNotPermittedError extends RefusedError {}

export interface Pulls {
  /** Every pull request from a branch of this repository, the newest first. */
  from(branch: string): Promise<Pull[]>;
  /** @throws PullsNotPermittedError */
  open(o: { title: string; head: string; base: string; body: string }): Promise<Pull>;
  changeBody(number: number, body: string): Promise<void>;
  /** Puts those questions on their lines that are not there yet, and says how many. Refused (422) off the diff. */
  comment(number: number, comments: readonly LineComment[]): Promise<number>;
}

const PER_PAGE = 100;
const MOST_PAGES = 20;
/** One review with several comments is one notification; GitHub gives up on very long ones. */
const COMMENTS_PER_REVIEW = 30;

export function createPulls(client: RepositoryClient): Pulls {
  async function keysOnLines(number: number): Promise<Set<string>> {
    const keys = new Set<string>();
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const query = { number, per_page: PER_PAGE, page };
      const found = await client.ask(
        'the review comments',
        'GET /pulls/{number}/comments',
        query,
        commentsAnswer,
      );
      for (const { body } of found) {
        for (const [mark] of (body ?? '').matchAll(MARK)) keys.add(mark);
      }
      if (found.length < PER_PAGE) break;
    }
    return keys;
  }

  return {
    from: async (branch) => {
      const query = { state: 'all', head: `${client.owner}:${branch}`, per_page: PER_PAGE };
      const found = await client.ask('the pull requests', 'GET /pulls', query, z.array(pullAnswer));
      return found.sort((a, b) => b.number - a.number);
    },
    open: async (wanted) => {
      try {
        return await client.ask('to open a pull request', 'POST /pulls', wanted, pullAnswer);
      } catch (error) {
        if (error instanceof RefusedError && /not permitted to create/.test(error.message)) {
          throw new PullsNotPermittedError(error.message, error.status);
        }
        throw error;
      }
    },
    changeBody: async (number, body) => {
      await client.ask('to change the pull request', 'PATCH /pulls/{number}', { number, body }, pullAnswer);
    },
    comment: async (number, comments) => {
      const there = await keysOnLines(number);
      const missing = comments.filter(({ key }) => !there.has(markOf(key)));
      for (let from = 0; from < missing.length; from += COMMENTS_PER_REVIEW) {
        const some = missing.slice(from, from + COMMENTS_PER_REVIEW);
        await client.ask(
          'to take review comments',
          'POST /pulls/{number}/reviews',
          {
            number,
            event: 'COMMENT',
            body: some.length === 1 ? 'One question.' : `${some.length} questions.`,
            comments: some.map(({ key, path, line, body }) => ({
              path,
              line,
              side: 'RIGHT',
              body: `${body}\n\n${markOf(key)}`,
            })),
          },
          z.object({ id: z.number() }),
        );
      }
      return missing.length;
    },
  };
}

const MARK = /<!-- question [0-9a-f]{16} -->/g;

/** Invisible on the page. A digest, since a key may hold what closes a comment of HTML. */
function markOf(key: string): string {
  return `<!-- question ${createHash('sha256').update(key).digest('hex').slice(0, 16)} -->`;
}
