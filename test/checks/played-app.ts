import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAuthority, type Authority, type Certificate } from '../../rehearsal/servers/certificates.ts';
import type { CheckRun } from '../../src/checks/run.ts';
import { systemClock } from '../../src/clock.ts';

export type Handler = (asked: IncomingMessage, answer: ServerResponse, body: string) => void;

/** An application behind TLS on this machine, answering as a test says. */
export interface PlayedApp {
  base: string;
  handle: (handler: Handler) => void;
  run: (more?: Partial<CheckRun>) => CheckRun;
  close: () => void;
}

let authority: Promise<Authority> | undefined;

/** Who signed the application's certificate, unless the authority that the checks trust has. */
export interface Signed {
  validUntil?: Date;
  by?: 'a stranger' | 'an intermediate' | 'an intermediate that is not sent';
}

export async function playApp(handler: Handler, signed: Signed = {}): Promise<PlayedApp> {
  authority ??= createAuthority('checks');
  const own = await authority;
  const { certificate, key } = await issue(own, signed);
  let current = handler;
  const server = createServer({ cert: certificate, key }, (asked, answer) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => current(asked, answer, Buffer.concat(chunks).toString('utf8')));
  });
  server.on('upgrade', (asked: IncomingMessage, socket: Duplex) => openWebSocket(asked, socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `https://localhost:${(server.address() as AddressInfo).port}`;
  return {
    base,
    handle: (next) => {
      current = next;
    },
    run: (more = {}) => ({
      base,
      oldBase: undefined,
      secrets: {},
      processedJobs: () => Promise.resolve(undefined),
      environment: { PATH: process.env.PATH },
      environmentName: 'staging',
      redact: (text) => text,
      reach: { ca: own.pem },
      clock: systemClock,
      signal: new AbortController().signal,
      ...more,
    }),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function issue(own: Authority, { by, validUntil }: Signed): Promise<Certificate> {
  if (by === undefined) return own.issue(['localhost'], validUntil);
  const signer = await (by === 'a stranger' ? createAuthority('a stranger') : own.intermediate('below'));
  const { certificate, key } = await signer.issue(['localhost'], validUntil);
  const sent = by === 'an intermediate that is not sent' ? '' : signer.pem;
  return { certificate: `${certificate}${sent}`, key };
}

/** Takes it at /cable with the right Origin, and says welcome. */
function openWebSocket(asked: IncomingMessage, socket: Duplex): void {
  if (asked.url !== '/cable' || asked.headers.origin === undefined) {
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  const key = `${asked.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const protocol = asked.headers['sec-websocket-protocol'];
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
      `sec-websocket-accept: ${createHash('sha1').update(key).digest('base64')}\r\n` +
      `${protocol === undefined ? '' : `sec-websocket-protocol: ${protocol}\r\n`}\r\n`,
  );
  const text = Buffer.from('{"type":"welcome"}');
  socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
}
