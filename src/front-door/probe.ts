import { randomBytes, timingSafeEqual } from 'node:crypto';

import { messageOf } from '../errors.ts';
import { SIGNED_HEADER, signature, signed } from './program/forwarded.ts';

export interface ProbeOptions {
  /** As in `FrontDoorOptions`. */
  targetHost: string;
  secret: string;
  /** Default: Node's own. */
  fetch?: typeof fetch;
  signal?: AbortSignal;
}

const ANSWER_LIMIT_MS = 30_000;

/**
 * Asks the new side, before any visitor comes, whether it trusts the forwarder: its middleware answers a signed question
 * with what only the secret gives. So one call shows that the middleware is there, in front of whatever else looks at
 * hosts, that it has the same secret, and that nothing on the way drops the header.
 *
 * @throws Error when the new side cannot be asked: whether it trusts is then not known
 */
export async function trustsFrontDoor(options: ProbeOptions): Promise<boolean> {
  const { targetHost, secret } = options;
  const probe = randomBytes(16).toString('hex');
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const response = await (options.fetch ?? fetch)(`https://${targetHost}/`, {
    redirect: 'manual',
    headers: { [SIGNED_HEADER]: signed({ at: Math.floor(Date.now() / 1000), probe }, secret) },
    signal: options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]),
  }).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw new Error(
      `${targetHost} could not be asked whether it trusts the forwarder (${reasonOf(error)}). Run this again.`,
    );
  });
  const given = Buffer.from((await response.text()).trim());
  const expected = Buffer.from(signature(`probe ${probe}`, secret));
  return response.ok && given.length === expected.length && timingSafeEqual(given, expected);
}

function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
