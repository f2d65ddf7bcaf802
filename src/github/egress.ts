import { isIPv4 } from 'node:net';

import { HttpClient } from '@actions/http-client';

import { ConfigurationError, messageOf } from '../errors.ts';

const TIMEOUT_MS = 10_000;

/**
 * The IPv4 address from which this machine is seen, as `url` answers it in plain text: DigitalOcean's trusted sources
 * take no IPv6. Throws a ConfigurationError when the answer is anything else.
 */
export async function egressAddress(url: string, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  const client = new HttpClient('heroku-to-digitalocean', [], {
    allowRedirects: false,
    allowRetries: true,
    maxRetries: 3,
    socketTimeout: TIMEOUT_MS,
  });
  try {
    const response = await client.get(url);
    const text = (await response.readBody()).trim();
    if (response.message.statusCode === 200 && isIPv4(text)) return text;
    throw new ConfigurationError(
      `${url} did not answer with this machine's IPv4 address (HTTP ${response.message.statusCode ?? 0}). ` +
        'Give the input egress-url the address of a service that does. Nothing was changed.',
    );
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(
      `This machine's public address could not be found: ${url} does not answer (${messageOf(error)}). ` +
        'Try again, or give another service with the input egress-url. Nothing was changed.',
    );
  } finally {
    client.dispose();
  }
}
