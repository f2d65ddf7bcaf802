import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to connections and to listeners that name none (from 32768 on): what is found free
 * here is not taken by one of them before it is bound.
 */
const LOWEST = 10_240;
const BEYOND = 32_768;
const MOST_TRIES = 100;

/**
 * A TCP port that was free on `host` a moment ago. Another program may take it before it is bound: whoever binds it
 * must be ready to ask again.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const port = randomInt(LOWEST, BEYOND);
    if (await isFree(host, port)) return port;
  }
  throw new Error(`No free port was found on ${host}.`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EADDRINUSE' || code === 'EACCES') resolve(false);
      else reject(new Error(message));
    });
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** Thrown by a server's start when somebody else had its port by the time that it bound it. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

/**
 * Starts a server on a free port: another program may take the port between our look and the server's bind,
 * then the next one is tried.
 */
export async function onFreePort(
  start: (port: number) => Promise<void>,
  choosePort: () => Promise<number> = freePort,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await choosePort());
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === 5) throw error;
    }
  }
}
