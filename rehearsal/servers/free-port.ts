import { createServer } from 'node:net';

/**
 * A TCP port that was free on `host` a moment ago. Another program may take it before it is bound: whoever binds it
 * must be ready to ask again.
 */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port: 0, exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error(`No free port was found on ${host}.`));
      });
    });
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
