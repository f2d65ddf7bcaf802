import type { Catalogue, PostgresEngine } from '../digitalocean/prices.ts';
import { postgresOffers, type PostgresOffer } from './postgres-offer.ts';
import { postgresVersionFor } from './sizing.ts';

/** Id of the question which edition of Managed PostgreSQL it is, where both can be. */
export const EDITION = 'postgres/edition';

/** As migration.yml answers. */
export type EditionName = 'standard' | 'advanced';

/** One edition as `GET /v2/databases/options` describes it today, seen from this database. */
export interface Edition {
  name: EditionName;
  engine: PostgresEngine;
  /** Smallest first; empty when the edition cannot be had. */
  offers: PostgresOffer[];
  /** The major version that the new database would have there; undefined when none is new enough. */
  version: string | undefined;
  /** Why it cannot be had for this database, one clause; null when it can, as far as sizes allow. */
  refused: string | null;
}

const NAMES = [
  ['standard', 'pg'],
  ['advanced', 'advanced_pg'],
] as const;

export function editionTitle(name: EditionName): string {
  return name === 'standard' ? 'the Standard Edition' : 'the Advanced Edition';
}

/**
 * Both editions, the Standard one first. Which regions, versions, sizes and numbers of nodes each has is DigitalOcean's
 * answer: in November 2026 the Standard Edition loses what is above 4 GiB and its standby.
 *
 * @param datacentre where it must be; undefined when that is not known yet
 * @param sourceMajor 0 when the source could not be read
 */
export function editionsOf(
  catalogue: Catalogue | undefined,
  datacentre: string | undefined,
  sourceMajor: number,
): Edition[] {
  const offers = postgresOffers(catalogue);
  return NAMES.map(([name, engine]) => {
    const options = catalogue?.postgres[engine];
    const own = offers.filter((offer) => offer.engine === engine);
    const version = postgresVersionFor(sourceMajor, options?.versions);
    const regions = options?.regions ?? [];
    const refused =
      own.length === 0
        ? 'DigitalOcean offers no size of it'
        : datacentre !== undefined && regions.length > 0 && !regions.includes(datacentre)
          ? `it is not offered in ${datacentre}`
          : version === undefined
            ? `it offers PostgreSQL ${options?.versions.join(', ') ?? ''}, and the source is ${sourceMajor}`
            : null;
    return { name, engine, offers: refused === null ? own : [], version, refused };
  });
}
