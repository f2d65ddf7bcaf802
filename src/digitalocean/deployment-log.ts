import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { orUndefined, type DigitalOcean } from './client.ts';

const LINES = 30;
const LONGEST_LINE = 500;
/** A build may write a log of any length; only its end is kept while it is read. */
const TAIL_BYTES = 64 * 1024;
const PATIENCE_MS = 10_000;

const logsSchema = z.object({ historic_urls: z.array(z.string()).nullish() });

/**
 * The last lines of what a deployment wrote, without colours, at most thirty of at most 500 characters; the caller's log
 * and errors take the secrets out. Asked of the components that failed first, then of the whole. Never fails, since
 * logs only make an error clearer: a stage that never ran answers 400.
 */
export async function lastLogLines(
  client: DigitalOcean,
  deployment: { appId: string; id: string; failedComponents: readonly string[] },
): Promise<string[]> {
  const at = `/apps/${deployment.appId}/deployments/${deployment.id}`;
  const places = [
    ...deployment.failedComponents.map((name) => `${at}/components/${encodeURIComponent(name)}/logs`),
    `${at}/logs`,
  ];
  for (const place of places) {
    // What ran and failed says more than the work around it.
    for (const type of ['RUN', 'DEPLOY', 'BUILD']) {
      try {
        const path = `${place}?type=${type}`;
        const logs = await orUndefined(() => client.request('GET', path, logsSchema));
        const lines = await tailOf(logs?.historic_urls?.at(-1));
        if (lines.length > 0) return lines;
      } catch (error) {
        client.log.debug(`No ${type} log of deployment ${deployment.id}: ${messageOf(error)}`);
      }
    }
  }
  return [];
}

async function tailOf(address: string | undefined): Promise<string[]> {
  if (address === undefined) return [];
  // A signed address at an object store: no token goes there.
  const response = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    return [];
  }
  let tail = Buffer.alloc(0);
  for await (const chunk of response.body) {
    tail = Buffer.concat([tail, chunk as Uint8Array]).subarray(-TAIL_BYTES);
  }
  return stripVTControlCharacters(tail.toString('utf8'))
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-LINES)
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} …` : line));
}
