import { isIP } from 'node:net';

import type { RecordType } from 'dns-packet';

import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { ask, describeResolver, NoAnswer, type DnsAnswer, type Resolver } from './query.ts';
import { plainData, type NameRecord } from './record.ts';

export type { Resolver } from './query.ts';

/** Reads `1.1.1.1, 8.8.8.8:53, [2620:fe::fe]:53`. Throws a ConfigurationError that names the input. */
export function parseResolvers(text: string): Resolver[] {
  const resolvers = text
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .map((one) => {
      const [, host = one, port = '53'] =
        /^\[([^\]]+)\](?::(\d+))?$/.exec(one) ?? /^([\d.]+):(\d+)$/.exec(one) ?? [];
      if (isIP(host) !== 0 && Number(port) <= 65_535) return { host, port: Number(port) };
      throw new ConfigurationError(
        `The input resolvers has "${one}", which is no IP address of a resolver, such as 1.1.1.1 or [2620:fe::fe]:53.`,
      );
    });
  if (resolvers.length > 0) return resolvers;
  throw new ConfigurationError('The input resolvers is empty: name at least one, such as 1.1.1.1.');
}

/** What one resolver says; `undefined` when it said nothing. */
export interface Seen {
  resolver: string;
  answer: DnsAnswer | undefined;
  why: string;
}

/** The same question to all of them, side by side. */
export function askAll(
  resolvers: readonly Resolver[],
  name: string,
  type: RecordType,
  signal?: AbortSignal,
): Promise<Seen[]> {
  return Promise.all(
    resolvers.map(async (resolver) => {
      try {
        return {
          resolver: describeResolver(resolver),
          answer: await ask(resolver, name, type, signal),
          why: '',
        };
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        return { resolver: describeResolver(resolver), answer: undefined, why: error.message };
      }
    }),
  );
}

/** Where a resolver leads visitors of a name: its CNAME, else its A records, in order. */
export function leadsTo({ answers }: DnsAnswer, name: string): string[] {
  const alias = answers.find((one) => one.type === 'CNAME' && one.name === name);
  if (alias !== undefined && typeof alias.data === 'string') return [plainData(alias.data)];
  return answers.flatMap(({ type, data }) => (type === 'A' && typeof data === 'string' ? [data] : [])).sort();
}

/** What resolvers should say once they know these records; `undefined` where that cannot be told (a proxy, an alias). */
export function expectedOf(records: readonly NameRecord[]): string[] | undefined {
  if (records.some(({ type, proxied }) => type === 'ALIAS' || proxied === true)) return undefined;
  const alias = records.find(({ type }) => type === 'CNAME');
  if (alias !== undefined) return [plainData(alias.data)];
  return records.flatMap(({ type, data }) => (type === 'A' ? [data] : [])).sort();
}

/** In the form that the journal keeps. */
export type Propagation = {
  resolver: string;
  /** Milliseconds until it led to the new address; `null`: not within the limit. */
  followedMs: number | null;
  /** What it said last. */
  said: string;
};

export interface PropagationOptions {
  resolvers: readonly Resolver[];
  limitMs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

const POLL_MS = 1000;

/** Watches the resolvers until each leads there, or the limit has passed. A resolver that does not follow is told. */
export async function watchPropagation(
  name: string,
  expected: readonly string[],
  { resolvers, limitMs, log, clock, signal }: PropagationOptions,
): Promise<Propagation[]> {
  const started = clock.now().getTime();
  const elapsed = (): number => clock.now().getTime() - started;
  const found = await Promise.all(
    resolvers.map(async (resolver): Promise<Propagation> => {
      const title = describeResolver(resolver);
      for (;;) {
        const [seen] = await askAll([resolver], name, 'A', signal);
        const targets = seen?.answer === undefined ? [] : leadsTo(seen.answer, name);
        const said = seen?.answer === undefined ? 'no answer' : targets.join(', ') || seen.answer.rcode;
        if (targets.join() === [...expected].join()) {
          log.info(`${name}: ${title} follows after ${(elapsed() / 1000).toFixed(1)} s`);
          return { resolver: title, followedMs: elapsed(), said };
        }
        if (elapsed() >= limitMs) return { resolver: title, followedMs: null, said };
        await clock.sleep(POLL_MS, signal);
      }
    }),
  );
  for (const { resolver, followedMs, said } of found) {
    if (followedMs !== null) continue;
    log.warning(
      `${name}: ${resolver} still says ${said} after ${Math.round(limitMs / 1000)} s. Visitors who ask it come later; some ` +
        'resolvers keep a record longer than it allows.',
    );
  }
  return found;
}
