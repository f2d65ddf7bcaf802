import { z } from 'zod';

import { nameRecordSchema, describeRecords, type NameRecord } from '../../src/dns/record.ts';
import { expectedOf, watchPropagation, type Propagation } from '../../src/dns/resolvers.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { cdnStepName, originsOf } from '../cutover/cdn-traffic.ts';
import { dnsStepName, GRACE_MS, providerOf, WATCH_NAMES } from '../cutover/dns-traffic.ts';
import type { Parties } from '../parties.ts';
import type { Past } from './past.ts';

const moved = z.object({ records: z.array(nameRecordSchema) });
/** As versions before several providers wrote it: one record, of DigitalOcean's. */
const movedAlone = z.object({
  record: z.object({ type: z.enum(['A', 'CNAME']), data: z.string(), ttl: z.number() }).nullable(),
});
const switched = moved.extend({ host: z.string().nullable() });

/** Every name leads again to where it led before the cutover, with all its records of then: an AAAA beside the A, too. */
export function returnNames(parties: Parties, past: Past): Step[] {
  // A name that left migration.yml since the switch goes back, too.
  const { domains } = parties.subject.environment;
  const { movedNames, switchedOrigins } = past;
  if (switchedOrigins.length > 0) {
    return [...new Set([...domains, ...switchedOrigins])].map((domain) =>
      returnOrigin(parties, past, domain),
    );
  }
  return [...new Set([...domains, ...movedNames])].map((domain) => returnName(parties, past, domain));
}

export function returnName(parties: Parties, past: Past, domain: string): Step {
  return defineStep({
    name: dnsStepName(domain),
    act: async () => {
      const step = past.step(dnsStepName(domain));
      if (step === undefined) return null;
      const records = recordsBefore(step.prior, domain);
      await providerOf(parties).writeAddresses(domain, records);
      parties.log.info(`${domain}: ${describeRecords(records)}`);
      return { records };
    },
  });
}

/** The record first, as on the way there: from then on it is Heroku that is asked. */
function returnOrigin(parties: Parties, past: Past, domain: string): Step {
  return defineStep({
    name: cdnStepName(domain),
    act: async () => {
      const step = past.step(cdnStepName(domain));
      if (step === undefined) return null;
      const { host } = switched.parse(step.prior);
      const records = recordsBefore(step.prior, domain);
      await providerOf(parties).writeAddresses(domain, records);
      if (host === null) await originsOf(parties).removeHost(domain);
      else await originsOf(parties).ensureHost(domain, host);
      parties.log.info(`${domain}: ${describeRecords(records)}`);
      return { records, host };
    },
  });
}

/** Once visitors are let in: tells when the public's resolvers lead to Heroku again. Never fails. */
export function watchReturn(parties: Parties, past: Past): Step[] {
  if (past.movedNames.length === 0) return [];
  const step = defineStep<null, FollowedName[]>({
    name: WATCH_NAMES,
    act: (_prior, { signal }) => untilResolversLeadBack(parties, past, signal),
  });
  return [step];
}

export type FollowedName = { domain: string; resolvers: Propagation[] };

/** Asks the public's resolvers until all lead to Heroku again; who is late after a record's own lifetime is told. */
export async function untilResolversLeadBack(
  { subject, resolvers, log, clock }: Parties,
  past: Past,
  signal: AbortSignal,
): Promise<FollowedName[]> {
  const limitMs = (subject.config.dns?.ttl ?? 0) * 1000 + GRACE_MS;
  const watched = past.movedNames.map(async (domain) => {
    const expected = expectedOf(recordsBefore(past.step(dnsStepName(domain))?.prior, domain));
    if (expected === undefined) return [];
    const seen = await watchPropagation(domain, expected, { resolvers, limitMs, log, clock, signal });
    return [{ domain, resolvers: seen }];
  });
  return (await Promise.all(watched)).flat();
}

function recordsBefore(prior: unknown, domain: string): NameRecord[] {
  const alone = movedAlone.safeParse(prior).data?.record;
  const records = alone === undefined ? moved.safeParse(prior).data?.records : alone === null ? [] : [alone];
  if (records !== undefined && records.length > 0) return records;
  throw new ConfigurationError(
    `The journal does not know where ${domain} led before the cutover: point it to Heroku by hand, then run this again.`,
  );
}
