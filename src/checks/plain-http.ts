import { get } from 'node:http';

import { getProxyUrl } from '@actions/http-client';

import { whyNot } from './connection.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';

const LIMIT_MS = 10_000;

/** Whoever asks a host without TLS is sent to TLS, or gets no answer at all. `port` is another one in tests only. */
export async function tlsOnly(host: string, port = 80): Promise<Check> {
  const { passed, found, isHeroku = false } = await askPlainly(host, port);
  const check = judged(`security/tls-only/${host}`, 'security', `${host} serves nothing without TLS`, {
    passed,
    found,
    remedy:
      'Force TLS in the application (`force_ssl`, `SECURE_SSL_REDIRECT`), or at the CDN in front of it.',
  });
  // A front door stands there until resolvers lead past it: what Heroku's router lets through says nothing of the new side.
  return !passed && isHeroku ? { ...check, state: 'told', found: `${found}, still by way of Heroku` } : check;
}

interface Seen {
  passed: boolean;
  found: string;
  /** The answer came through Heroku's router, by its `Via`. */
  isHeroku?: boolean;
}

function askPlainly(host: string, port: number): Promise<Seen> {
  const address = `http://${host}${port === 80 ? '' : `:${port}`}/`;
  const proxy = URL.parse(getProxyUrl(address));
  const credentials =
    proxy === null || proxy.username === ''
      ? undefined
      : decodeURIComponent(`${proxy.username}:${proxy.password}`);
  return new Promise((resolve) => {
    const asking = get(
      {
        ...(proxy === null
          ? { host, port, path: '/' }
          : { host: proxy.hostname, port: Number(proxy.port || 80), path: address }),
        headers: {
          host: port === 80 ? host : `${host}:${port}`,
          connection: 'close',
          ...(credentials === undefined
            ? {}
            : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
        },
        agent: false,
        timeout: LIMIT_MS,
      },
      (answer) => {
        answer.destroy();
        const status = answer.statusCode ?? 0;
        const leads = /^https:\/\//i.test(answer.headers.location ?? '');
        if ([301, 302, 307, 308].includes(status) && leads)
          resolve({ passed: true, found: `HTTP ${status} to https://` });
        // A proxy on the way that reached nobody knows nothing.
        else if (proxy !== null && (status === 502 || status === 504))
          resolve({ passed: false, found: `could not be asked: the proxy answered ${status}` });
        else if (status >= 400) resolve({ passed: true, found: `refused with HTTP ${status}` });
        else {
          const isHeroku = /\bheroku-router\b/i.test(answer.headers.via ?? '');
          resolve({ passed: false, found: `HTTP ${status} without TLS`, isHeroku });
        }
      },
    );
    asking.once('timeout', () =>
      asking.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    asking.once('error', (error: NodeJS.ErrnoException) => {
      // Anything else may as well be a name that was not found, and says nothing.
      const refused = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      resolve({
        passed: refused,
        found: refused
          ? `nothing is served there (${whyNot(error)})`
          : `could not be asked: ${whyNot(error)}`,
      });
    });
  });
}
