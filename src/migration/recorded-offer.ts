import { z } from 'zod';

import { documentedOffer, type DatabaseOffer } from './postgres-items.ts';
import type { MigrationRecord } from './record.ts';

const clusterOfferSchema = z.object({
  /** `pg` (Standard Edition) or `advanced_pg`. */
  engine: z.string(),
  major: z.number(),
  /** By name, the version that CREATE EXTENSION gives. */
  extensions: z.record(z.string(), z.string().nullable()),
});
/** What a cluster answered when provision asked it what it offers. */
export type ClusterOffer = z.infer<typeof clusterOfferSchema>;

/** The same with when it was asked, and the cluster of which migration. */
export interface RecordedOffer extends ClusterOffer {
  at: string;
  migrationId: string;
}

/** What the clusters of these records answered, each time that one was asked. */
export function offersIn(records: readonly MigrationRecord[]): RecordedOffer[] {
  return records.flatMap(({ migrationId, sections }) =>
    sections.flatMap(({ phase, at, data }): RecordedOffer[] => {
      if (phase !== 'provision') return [];
      const found = z.object({ offered: clusterOfferSchema }).safeParse(data);
      return found.success ? [{ ...found.data.offered, at, migrationId }] : [];
    }),
  );
}

/**
 * What a new cluster will offer: what the newest one of the same edition and version answered, of whatever environment, else
 * what is documented.
 */
export function offerFor(
  recorded: readonly RecordedOffer[],
  major: number | null,
  engine: 'pg' | 'advanced_pg',
): DatabaseOffer {
  const [newest] = recorded
    .filter((one) => one.major === major && one.engine === engine)
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  if (newest === undefined) return documentedOffer(major, engine);
  const { extensions, at, migrationId } = newest;
  return {
    major,
    extensions,
    source: `the list that the cluster of ${migrationId} gave itself (${at.slice(0, 10)})`,
  };
}
