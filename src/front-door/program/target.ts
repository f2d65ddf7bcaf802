import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { ClientRequest } from 'node:http';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';

import { log, nameOf } from './log.ts';
import { rememberedLookup } from './remembered-lookup.ts';

/** A connection that was idle for longer is not used again: its other end may be closing it. */
const IDLE_LIMIT_MS = 4_000;

/** What says that nobody could be reached just now. Anything else, such as a wrong certificate, does not pass by itself. */
const PASSING = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
];

export function isPassing(error: unknown): boolean {
  return PASSING.includes(nameOf(error));
}

/** The new side, as the forwarder reaches it: over TLS whose certificate is verified, whatever the app's config vars say. */
export class Target {
  readonly #options: RequestOptions;
  readonly #pooled: Agent;
  readonly #fresh: Agent;
  readonly #connectLimitMs: number;
  #trouble = false;

  constructor({ targetHost, connectLimitMs = 5_000 }: { targetHost: string; connectLimitMs?: number }) {
    this.#connectLimitMs = connectLimitMs;
    const { hostname, port } = new URL(`https://${targetHost}`);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    this.#options = {
      host,
      port: port === '' ? 443 : Number(port),
      rejectUnauthorized: true,
      lookup: rememberedLookup(),
      setHost: false,
      maxHeaderSize: 64 * 1024,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    };
    // Node's own switch for proxies in the environment holds for its own agents only.
    const proxied = process.env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: process.env } : {};
    this.#pooled = new Agent({ keepAlive: true, maxFreeSockets: 1_000, timeout: IDLE_LIMIT_MS, ...proxied });
    this.#fresh = new Agent({ keepAlive: false, ...proxied });
  }

  /**
   * Begins a request; nothing of it is sent before `onConnected`, so that an error without it says that the new side
   * has seen nothing. With `shared`, a connection that is open already may be used, which the other end may be closing.
   */
  begin(
    request: { method: string; path: string; headers: Record<string, string | string[]>; shared: boolean },
    onConnected: () => void,
  ): ClientRequest {
    const { method, path, headers, shared } = request;
    const agent = shared ? this.#pooled : this.#fresh;
    const outgoing = httpsRequest({ ...this.#options, method, path, headers, agent });
    const tooLong = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error('No connection in time.'), { code: 'ETIMEDOUT' }));
    }, this.#connectLimitMs);
    const connected = (): void => {
      clearTimeout(tooLong);
      if (outgoing.destroyed) return;
      if (this.#trouble) log('reaches the new side again');
      this.#trouble = false;
      onConnected();
    };
    outgoing.once('socket', (socket) => {
      if (!(socket instanceof TLSSocket)) {
        outgoing.destroy(new Error('The connection is not encrypted.'));
        return;
      }
      // A server that vanished without a word is noticed within half a minute.
      socket.setKeepAlive(true, 15_000);
      // The agent's limit is for idle connections; an answer may take its time.
      socket.setTimeout(0);
      // Only a connection whose certificate was verified is authorized.
      if (socket.authorized) connected();
      else socket.once('secureConnect', connected);
    });
    outgoing.once('close', () => {
      clearTimeout(tooLong);
    });
    return outgoing;
  }

  /** Told once, until it is reached again. */
  tellTrouble(error: unknown): void {
    if (!this.#trouble) log(`cannot reach the new side (${nameOf(error)})`);
    this.#trouble = true;
  }
}
