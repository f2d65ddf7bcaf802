import { request as plainRequest } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { getProxyUrl } from '@actions/http-client';

/** How the outside is reached; in earnest nothing of it is given. */
export interface Reach {
  /** PEM of a CA to trust in place of the machine's. */
  ca?: string;
}

/** How long opening a connection may take. */
const CONNECT_LIMIT_MS = 15_000;

/**
 * A TLS connection to the address's host, its certificate verified against the name, through the proxy of the
 * environment (HTTPS_PROXY, NO_PROXY) where there is one. A new one each time: a kept connection would still lead to
 * where the name pointed before.
 *
 * @throws Error of TLS or of the network; its `code` tells which
 */
export async function openTls(url: URL, { ca }: Reach = {}, limitMs = CONNECT_LIMIT_MS): Promise<TLSSocket> {
  const socket = await openTcp(url.hostname, Number(url.port || 443), limitMs);
  return new Promise((resolve, reject) => {
    const secured = connectTls({
      socket,
      // An address is no server name.
      ...(/^[\d.]+$|:/.test(url.hostname) ? {} : { servername: url.hostname }),
      host: url.hostname,
      ALPNProtocols: ['http/1.1'],
      ...(ca === undefined ? {} : { ca }),
    });
    const timer = setTimeout(
      () => secured.destroy(Object.assign(new Error('TLS was not agreed in time'), { code: 'ETIMEDOUT' })),
      limitMs,
    );
    secured.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(secured);
    });
    secured.once('error', (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    });
  });
}

/** A TCP connection, through the proxy's CONNECT where there is one. */
async function openTcp(host: string, port: number, limitMs: number): Promise<Socket> {
  const proxy = getProxyUrl(`https://${host}:${port}/`);
  return proxy === '' ? openDirect(host, port, limitMs) : openThrough(new URL(proxy), host, port, limitMs);
}

/** A TCP connection past every proxy; rejects with the network's error. */
export function openDirect(host: string, port: number, limitMs = CONNECT_LIMIT_MS): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })),
      limitMs,
    );
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

function openThrough(proxy: URL, host: string, port: number, limitMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const credentials = decodeURIComponent(`${proxy.username}:${proxy.password}`);
    const asking = plainRequest({
      method: 'CONNECT',
      host: proxy.hostname,
      port: Number(proxy.port || 80),
      path: `${host}:${port}`,
      headers: {
        host: `${host}:${port}`,
        ...(proxy.username === ''
          ? {}
          : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
      agent: false,
    });
    asking.setTimeout(limitMs, () => asking.destroy(new Error('the proxy did not answer in time')));
    asking.once('connect', (answer, socket) => {
      socket.setTimeout(0);
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy answered ${answer.statusCode ?? 'nothing'}`));
    });
    asking.once('response', (answer) => {
      answer.destroy();
      reject(new Error(`the proxy answered ${answer.statusCode ?? 'nothing'}`));
    });
    asking.once('error', reject);
    asking.end();
  });
}

/** Why there was no answer, in words that hold nothing of what was sent. */
export function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    CERT_HAS_EXPIRED: 'its certificate has expired',
    CERT_NOT_YET_VALID: 'its certificate is not valid yet',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
    SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody who is trusted',
    // A lone certificate: OpenSSL does not tell which of the two it is.
    UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      'its chain of certificates is not complete: an intermediate is missing, or nobody trusts its issuer',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by nobody who is trusted',
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    EPIPE: 'the connection was cut',
    ENOTFOUND: 'the name is not known',
    ETIMEDOUT: 'no answer in time',
  };
  return words[code ?? ''] ?? (message === '' ? (code ?? 'no reason given') : message);
}
