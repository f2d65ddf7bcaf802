import { z } from 'zod';

/** One record of a name that leads visitors, in the form that the journal keeps. */
export const nameRecordSchema = z.object({
  type: z.enum(['A', 'AAAA', 'CNAME', 'ALIAS']),
  /** Without the dot at its end. */
  data: z.string(),
  /** Seconds. */
  ttl: z.number(),
  /** Visitors reach a proxy of the provider's, not `data` itself (Cloudflare's orange cloud). */
  proxied: z.exactOptional(z.boolean()),
  /** Of an ALIAS in Route 53: as what it answers, in whose zone its target lies, and whether that must be healthy. */
  alias: z.exactOptional(
    z.object({ answers: z.enum(['A', 'AAAA']), zone: z.string(), evaluateHealth: z.boolean() }),
  ),
});
/** `data` without the dot at its end; `ttl` in seconds (0 for an ALIAS, which has none of its own). */
export type NameRecord = z.infer<typeof nameRecordSchema>;

/** A name or address as every provider's way of writing it compares: lower case, no dot at the end. */
export function plainData(data: string): string {
  return data.toLowerCase().replace(/\.$/, '');
}

/** Whether visitors would notice no difference, in whatever order the records come. */
export function sameRecords(some: readonly NameRecord[], others: readonly NameRecord[]): boolean {
  return asText(some) === asText(others);
}

function asText(records: readonly NameRecord[]): string {
  return JSON.stringify(
    records
      .map(({ type, data, ttl, proxied, alias }) => {
        // What a proxy answers has a lifetime that is not the record's.
        const lifetime = proxied === true ? null : ttl;
        const target = alias && [alias.answers, alias.zone, alias.evaluateHealth];
        return JSON.stringify([type, plainData(data), lifetime, proxied === true, target ?? null]);
      })
      .sort(),
  );
}

/** `CNAME shop.herokudns.com, 30 s` for people; several are divided by semicolons. */
export function describeRecords(records: readonly NameRecord[]): string {
  if (records.length === 0) return 'no record';
  return records
    .map(({ type, data, ttl, proxied }) => {
      const how = proxied === true ? 'proxied' : type === 'ALIAS' ? 'alias' : `${ttl} s`;
      return `${type} ${data}, ${how}`;
    })
    .join('; ');
}

/** The longest that a resolver may keep what it has asked before; 0 without records. */
export function longestTtl(records: readonly NameRecord[]): number {
  return Math.max(0, ...records.map(({ ttl }) => ttl));
}
