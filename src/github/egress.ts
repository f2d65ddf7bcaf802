import { isIPv4 } from 'node:net';

import { HttpClient } from '@actions/http-client';

import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';

const PAUSES_MS = [500, 2_000];

/**
 * The IPv4 address from which this machine is seen, as `url` answers it in plain text. It goes on the lists of who may
 * reach the databases, so anything but an address is refused with a ConfigurationError.
 */
export async function egressAddress(
  url: string,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<string> {
  const client = new HttpClient('heroku-to-digitalocean', [], { socketTimeout: 10_000, maxRedirects: 3 });
  let problem = '';
  try {
    for (const pause of [...PAUSES_MS, undefined]) {
      signal?.throwIfAborted();
      try {
        const response = await client.get(url);
        const text = (await response.readBody()).trim();
        if (response.message.statusCode === 200 && isIPv4(text)) return text;
        problem = `HTTP ${response.message.statusCode ?? 0}, ${JSON.stringify(text.slice(0, 60))}`;
      } catch (error) {
        problem = messageOf(error);
      }
      if (pause !== undefined) await clock.sleep(pause, signal);
    }
  } finally {
    client.dispose();
  }
  throw new ConfigurationError(
    `This runner's own address could not be read from ${url} (input egress-url): ${problem}. ` +
      'It is needed to open the new database to this runner only. Give an address that answers with the IPv4 address in plain text.',
  );
}
