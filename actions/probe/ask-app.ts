import { HttpClient } from '@actions/http-client';

import { messageOf } from '../../src/errors.ts';

export interface AppAnswer {
  /** 0 when there was none. */
  status: number;
  /** The beginning of it, or why there is none. */
  body: string;
  milliseconds: number;
}

/** Longer than any router lets a request wait (Heroku's 75 s, H20). */
const LIMIT_MS = 90_000;
const LONGEST_BODY = 500;

/** Asks an app's front page once, on a connection of its own. Never throws. */
export async function askApp(host: string): Promise<AppAnswer> {
  const started = performance.now();
  const client = new HttpClient('heroku-to-digitalocean', [], {
    allowRedirects: false,
    keepAlive: false,
    socketTimeout: LIMIT_MS,
  });
  const ended = (status: number, body: string): AppAnswer => ({
    status,
    body: body.slice(0, LONGEST_BODY),
    milliseconds: Math.round(performance.now() - started),
  });
  try {
    const response = await client.get(`https://${host}/`);
    return ended(response.message.statusCode ?? 0, await response.readBody());
  } catch (error) {
    return ended(0, messageOf(error));
  } finally {
    client.dispose();
  }
}
