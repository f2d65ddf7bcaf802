import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { HerokuError } from './refusal.ts';
import { readAttached } from './rendezvous.ts';

export interface DynoVariableOptions {
  /** Called with the value before anything else is done with it. */
  mask(value: string): void;
  signal: AbortSignal | undefined;
  /** For the whole session, the boot of the dyno with it; in milliseconds. */
  limitMs?: number;
}

const SESSION_LIMIT_MS = 90_000;
/** Heroku ends the dyno after so many seconds, if nobody else does. */
const TIME_TO_LIVE_S = 180;

const dynoSchema = z.object({ name: z.string(), attach_url: z.string().nullish() });

/**
 * A variable that exists only in the environment of the app's dynos, such as what a buildpack's `.profile.d` exports:
 * read by `printenv` in a one-off dyno, over its attached session alone. An attached dyno's output is in no log. The dyno
 * is stopped afterwards. `undefined` when no dyno has it, or it is empty.
 *
 * `client` should work in a cancelled run, too, so that the dyno is stopped; `signal` is what ends the reading.
 *
 * @throws ConfigurationError when the session could not be had: it says so, and never what was received.
 */
export async function readDynoVariable(
  client: HerokuClient,
  app: string,
  name: string,
  options: DynoVariableOptions,
): Promise<string | undefined> {
  // It becomes part of a command.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`"${name}" is no name of a variable`);
  try {
    const value = (await readFromDyno(client, app, `printenv ${name}`, options)).replace(/\n$/, '');
    options.mask(value);
    return value === '' ? undefined : value;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new ConfigurationError(
      `${name} could not be read from a one-off dyno of ${app}: ${messageOf(error)}`,
    );
  }
}

/**
 * What a short shell command writes in a one-off dyno of the app, read over its attached session as `readDynoVariable` does.
 * `shellCommand` holds nothing that came from outside.
 */
export async function readFromDyno(
  client: HerokuClient,
  app: string,
  shellCommand: string,
  options: DynoVariableOptions,
): Promise<string> {
  const mark = randomBytes(12).toString('hex');
  const text = await inDyno(client, app, marked(shellCommand, mark), {
    ...options,
    isComplete: (output) => between(output, mark) !== undefined,
  });
  const encoded = between(text, mark);
  if (encoded === undefined) throw new Error('it ended without the answer');
  options.mask(encoded);
  return Buffer.from(encoded, 'base64').toString();
}

/** Base64 keeps line ends as they are; the marks are in the answer only in one piece, as the shell joins them. */
function marked(shellCommand: string, mark: string): string {
  const [first, second] = [mark.slice(0, 8), mark.slice(8)];
  return `printf %s%s '${first}' '${second}['; ${shellCommand} | base64 | tr -d '\\n'; printf ]%s%s '${first}' '${second}'`;
}

function between(output: string, mark: string): string | undefined {
  const start = output.indexOf(`${mark}[`);
  const end = output.indexOf(`]${mark}`, start);
  if (start < 0 || end < 0) return undefined;
  return output.slice(start + mark.length + 1, end).trim();
}

async function inDyno(
  client: HerokuClient,
  app: string,
  shellCommand: string,
  options: DynoVariableOptions & { isComplete(output: string): boolean },
): Promise<string> {
  const dynos = `/apps/${encodeURIComponent(app)}/dynos`;
  const dyno = await client.post(
    dynos,
    { command: shellCommand, attach: true, force_no_tty: true, time_to_live: TIME_TO_LIVE_S },
    dynoSchema,
  );
  try {
    return await readAttached(dyno.attach_url ?? '', {
      limitMs: options.limitMs ?? SESSION_LIMIT_MS,
      signal: options.signal,
      isComplete: (output) => options.isComplete(output),
    });
  } finally {
    await stop(client, `${dynos}/${encodeURIComponent(dyno.name)}`);
  }
}

/** It has mostly ended by itself. */
async function stop(client: HerokuClient, dyno: string): Promise<void> {
  try {
    await client.post(`${dyno}/actions/stop`, {}, z.unknown());
  } catch (error) {
    if (error instanceof HerokuError && (error.status === 404 || error.status === 410)) return;
    client.log.warning(
      `The one-off dyno could not be stopped (${messageOf(error)}): Heroku ends it within ${TIME_TO_LIVE_S / 60} minutes.`,
    );
  }
}
