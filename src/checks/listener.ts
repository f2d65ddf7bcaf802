import { openDirect, whyNot } from './connection.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';

/** A public address behind which a database listens. */
export interface Listener {
  kind: 'postgres' | 'redis';
  host: string;
  port: number;
}

const LIMIT_MS = 5_000;
/** PostgreSQL's SSLRequest (protocol, "SSL Session Encryption"); it is answered with one letter. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** No TLS: a server that expects it answers with an alert or closes. */
const PING = Buffer.from('PING\r\n');

/**
 * Whether a database answers somebody who is not trusted: this runner, before it is let in. Being cut off without a word
 * is closed; a word is open. `trusted`: why this runner's address is let in already, when it is.
 */
export async function publicListener(
  { kind, host, port }: Listener,
  trusted: string | undefined,
): Promise<Check> {
  const id = `security/public-${kind}`;
  const what = `${kind === 'postgres' ? 'Postgres' : 'Redis'} answers nobody who is not trusted`;
  if (trusted !== undefined) {
    return {
      id,
      area: 'security',
      what,
      found: `could not be tried from here: ${trusted}`,
      state: 'told',
      remedy:
        'Run verify from an address that you do not trust yourself, when no other job of the migration is at work.',
    };
  }
  const { open, found } = await answers(host, port, kind === 'postgres' ? SSL_REQUEST : PING);
  return judged(id, 'security', what, {
    passed: !open,
    found: `port ${port}: ${found}`,
    remedy:
      kind === 'postgres'
        ? 'Give the cluster trusted sources (the private network is enough): without any it is open to the internet.'
        : "Put the droplet's firewall back: run provision with `stage: infrastructure`.",
  });
}

async function answers(host: string, port: number, hello: Buffer): Promise<{ open: boolean; found: string }> {
  let socket;
  try {
    socket = await openDirect(host, port, LIMIT_MS);
  } catch (error) {
    return { open: false, found: whyNot(error) };
  }
  const opened = socket;
  return new Promise((resolve) => {
    const end = (open: boolean, found: string): void => {
      clearTimeout(timer);
      opened.destroy();
      resolve({ open, found });
    };
    const timer = setTimeout(() => end(true, 'a connection opens and stays open'), LIMIT_MS);
    opened.once('data', () => end(true, 'it answers'));
    opened.once('error', (error) => end(false, `cut off (${whyNot(error)})`));
    opened.once('close', () => end(false, 'cut off without an answer'));
    opened.write(hello);
  });
}
