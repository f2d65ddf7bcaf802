import { HttpClient } from '@actions/http-client';

/** Whether a notice arrived; when not, why, in words that hold neither the address nor anything that came back. */
export type Delivery = { sent: true } | { sent: false; reason: string };

/** Milliseconds for all of it: connecting, sending and the head of the answer. */
export const PATIENCE_MS = 5_000;

/**
 * Sends JSON to a webhook. Never throws, and is over in time whatever the other side does. A redirect is a failure: the
 * address is a secret and what it leads to is not.
 */
export async function postJson(
  address: string,
  body: Record<string, unknown>,
  patienceMs = PATIENCE_MS,
): Promise<Delivery> {
  const url = URL.parse(address);
  if (url === null || !isTrustworthy(url)) return failed('its address is not one that begins with https://');
  const client = new HttpClient('heroku-to-digitalocean', [], {
    allowRedirects: false,
    allowRetries: false,
    keepAlive: false,
    socketTimeout: patienceMs,
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Delivery>((resolve) => {
    timer = setTimeout(() => resolve(failed(`no answer within ${patienceMs / 1000} s`)), patienceMs);
  });
  const answered = client
    .post(url.href, JSON.stringify(body), { 'content-type': 'application/json' })
    .then(({ message }): Delivery => {
      const status = message.statusCode ?? 0;
      // What it says is not read: it may be endless, and it is nobody's business here.
      message.destroy();
      if (status >= 200 && status < 300) return { sent: true };
      return failed(status >= 300 && status < 400 ? `it redirects (HTTP ${status})` : `HTTP ${status}`);
    })
    .catch((error: unknown) => failed(`no answer (${codeOf(error)})`));
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
    client.dispose();
  }
}

function failed(reason: string): Delivery {
  return { sent: false, reason };
}

/** In the clear only to a program on the same machine. */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+)$/.test(hostname));
}

/** The message may name the address; the code does not. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'no reason given';
}
