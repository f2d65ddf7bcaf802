import { getProxyUrl } from '@actions/http-client/lib/proxy';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { messageOf } from '../../src/errors.ts';
import type { Parties } from '../parties.ts';

const LIMIT_MS = 5 * 60_000;
const RETRY_MS = 5000;
const HANDSHAKE_MS = 10_000;

/**
 * Waits until the new side's edge speaks TLS for a name with a certificate that is valid for it, whatever DNS says of the
 * name yet. Throws after five minutes: nothing is lost meanwhile, since visitors come through the forwarder on Heroku.
 */
export async function refuseUncertified(
  { newSide, clock, log }: Parties,
  domain: string,
  signal: AbortSignal,
): Promise<void> {
  const edge = await newSide.ingressHost();
  const started = clock.now().getTime();
  for (let told = false; ; told = true) {
    const problem = await problemAtEdge(edge, domain);
    if (problem === undefined) return;
    const waited = clock.now().getTime() - started;
    if (waited > LIMIT_MS) {
      throw new Error(
        `DigitalOcean's edge shows no valid certificate for ${domain} (${problem}), so its record was not changed. Its visitors are served ` +
          'by the new side, through the forwarder on Heroku. Run this job again when the certificate is there: it goes on with the names.',
      );
    }
    if (!told) log.info(`Waiting for the certificate of ${domain} at DigitalOcean's edge: ${problem}`);
    await clock.sleep(RETRY_MS, signal);
  }
}

/** Why a visitor who came to the edge under this name would be warned; `undefined` when none would. */
export async function problemAtEdge(edge: string, name: string): Promise<string | undefined> {
  let socket: Socket | undefined;
  try {
    socket = await tunnel(edge);
    await handshake(edge, name, socket);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    socket?.destroy();
  }
}

function handshake(host: string, servername: string, socket: Socket | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      ...(socket === undefined ? { host, port: 443 } : { socket }),
      servername,
    });
    const end = (error?: Error): void => {
      secure.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    secure.setTimeout(HANDSHAKE_MS, () => end(new Error('the TLS handshake took too long')));
    secure.once('secureConnect', () => end());
    secure.once('error', end);
    secure.once('close', () => end(new Error('the connection was closed in the TLS handshake')));
  });
}

/** Through the machine's HTTP proxy where it has one; `undefined` where it needs none. */
function tunnel(host: string): Promise<Socket | undefined> {
  const proxy = getProxyUrl(new URL(`https://${host}`));
  if (proxy === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const { username, password } = proxy;
    const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
    const asking = request({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: 'CONNECT',
      path: `${host}:443`,
      headers: {
        host: `${host}:443`,
        ...(username === '' ? {} : { 'proxy-authorization': `Basic ${credentials.toString('base64')}` }),
      },
      timeout: HANDSHAKE_MS,
      agent: false,
    });
    asking.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy answered HTTP ${answer.statusCode ?? 0}`));
    });
    asking.once('timeout', () => asking.destroy(new Error('the proxy did not answer')));
    asking.once('error', reject);
    asking.end();
  });
}
