import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { ConfigurationError } from '../../../src/errors.ts';

/**
 * An address of the loopback network that only this droplet uses, so that fixed ports like 6379 can be bound many
 * times. Linux answers on all of 127.0.0.0/8.
 *
 * @throws ConfigurationError where the machine has 127.0.0.1 only (macOS)
 */
export async function loopbackAddress(): Promise<string> {
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const address = `127.${randomInt(16, 250)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    if (await canBind(address, 0)) return address;
  }
  throw new ConfigurationError(
    'This machine answers on 127.0.0.1 only, and a played droplet needs addresses of its own: run the rehearsal on Linux.',
  );
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
