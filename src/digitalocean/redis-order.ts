import { DROPLET_KEYS } from '../redis/our-keys.ts';
import { IMAGE_BY_DIGEST } from './redis-image.ts';
import { derSignature, p256Key, signDeterministically } from './p256.ts';

// What the migration asks of the Redis droplet, on which nobody can log in: it leaves an order in Redis, and the
// droplet's keeper carries it out within a minute when the server's own authority has signed it.

export const CERTIFICATE_ORDER = `${DROPLET_KEYS}:certificate`;
/** What kept the keeper from taking the certificate; empty when nothing did. */
export const CERTIFICATE_PROBLEM = `${DROPLET_KEYS}:certificate-problem`;
export const IMAGE_ORDER = `${DROPLET_KEYS}:image`;
/** The image that runs. */
export const IMAGE_RUNS = `${DROPLET_KEYS}:image-runs`;
export const IMAGE_PROBLEM = `${DROPLET_KEYS}:image-problem`;

/** The server's certificate and its authority's, both public. `serial` makes the same pair a new order. */
export function certificateOrder(serial: number, certificates: { certificate: string; ca: string }): string {
  return `order ${serial}\n${certificates.certificate}${certificates.ca}`;
}

/**
 * An order to run another image.
 *
 * @param authoritySeed the secret from which the authority's key follows
 * @param serial greater than any before; the droplet carries out none twice, and no older one later
 */
export function imageOrder(
  authoritySeed: Buffer,
  migrationId: string,
  serial: number,
  image: string,
): string {
  if (!IMAGE_BY_DIGEST.test(image)) throw new Error(`${image} is no image by digest.`);
  const message = `heroku-to-digitalocean redis image\n${migrationId}\n${serial}\n${image}\n`;
  const signature = derSignature(signDeterministically(p256Key(authoritySeed), Buffer.from(message)));
  return `${serial}\n${image}\n${signature.toString('base64')}\n`;
}
