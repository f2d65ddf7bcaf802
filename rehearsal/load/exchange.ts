import { request } from 'node:https';
import type { PublicAgent } from './public-agent.ts';

export interface Question {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  timeoutMs: number;
}

/** What came back, as a client sees it. */
export interface Reply {
  /** 0: no answer (a connection error, or the client's patience ended). */
  status: number;
  timedOut: boolean;
  /** The shop's word about itself; undefined when something in front of it answered. */
  side: 'heroku' | 'digitalocean' | undefined;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
}

/** Whether the shop itself answered and did what it was asked (or truthfully said that there is no such thing). */
export function isGood({ status, side }: Reply): boolean {
  return (status >= 200 && status < 300) || (status === 404 && side !== undefined);
}

/**
 * Asks and waits; never rejects. As HTTP clients do, asks once more when a connection that had been kept open turns
 * out to be closed (the server may have closed it while the question was on its way).
 */
export async function exchange(agent: PublicAgent, hostName: string, question: Question): Promise<Reply> {
  const startedAt = Date.now();
  const signal = AbortSignal.timeout(question.timeoutMs);
  let outcome = await attempt(agent, hostName, question, signal);
  if (outcome === 'stale') outcome = await attempt(agent, hostName, question, signal);
  const { status, side } = outcome === 'stale' ? { status: 0, side: undefined } : outcome;
  return { status, side, timedOut: status === 0 && signal.aborted, startedAt, endedAt: Date.now() };
}

type Outcome = Pick<Reply, 'status' | 'side'> | 'stale';

function attempt(
  agent: PublicAgent,
  hostName: string,
  question: Question,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const body = question.body === undefined ? undefined : JSON.stringify(question.body);
    const outgoing = request(
      {
        agent,
        host: hostName,
        method: question.method,
        path: question.path,
        signal,
        headers: {
          'user-agent': 'shop-client/1',
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        const word = response.headers['x-shop-side'];
        const side = word === 'heroku' || word === 'digitalocean' ? word : undefined;
        response.resume();
        // An answer that is cut short is no answer: nothing may be believed about it.
        response.once('close', () => {
          resolve(
            response.complete ? { status: response.statusCode ?? 0, side } : { status: 0, side: undefined },
          );
        });
        response.on('error', () => undefined);
      },
    );
    outgoing.once('error', () => {
      resolve(outgoing.reusedSocket && !signal.aborted ? 'stale' : { status: 0, side: undefined });
    });
    outgoing.end(body);
  });
}
