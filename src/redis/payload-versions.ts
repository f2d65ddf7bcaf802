/** What a server's serialised values look like, and which of them it reads. */
export interface PayloadVersion {
  flavour: 'redis' | 'valkey';
  /** From this version on, as major and minor. */
  since: readonly [major: number, minor: number];
  /** The version in what it DUMPs. RESTORE refuses a higher one. */
  format: number;
}

/** Where the table is from; a server that is newer than all of it is asked itself, by the copy. */
export const PAYLOAD_VERSIONS_ARE_FROM =
  'librdb’s table of RDB versions, and RDB_VERSION of Valkey and Redis 8.10 as others quote it (2026-11-23)';

/** Newest first, by flavour. Redis 8.8 was not read. */
const VERSIONS: readonly PayloadVersion[] = [
  { flavour: 'redis', since: [8, 10], format: 15 },
  { flavour: 'redis', since: [8, 6], format: 13 },
  { flavour: 'redis', since: [7, 4], format: 12 },
  { flavour: 'redis', since: [7, 2], format: 11 },
  { flavour: 'redis', since: [7, 0], format: 10 },
  { flavour: 'redis', since: [5, 0], format: 9 },
  { flavour: 'redis', since: [4, 0], format: 8 },
  { flavour: 'redis', since: [3, 2], format: 7 },
  { flavour: 'redis', since: [2, 6], format: 6 },
  { flavour: 'valkey', since: [9, 0], format: 80 },
  { flavour: 'valkey', since: [7, 2], format: 11 },
];

/** Up to here the table holds for sure. */
const NEWEST = { redis: [8, 10], valkey: [9, 1] } as const;
const NOT_READ = { flavour: 'redis', version: [8, 8] } as const;

/** Valkey 9 refuses what only Redis 7.4 and newer write (its `rdb.h`, RDB_FOREIGN_VERSION_MIN and _MAX). */
const FOREIGN = { from: 12, to: 79 };
const VALKEY_NINE = 80;

export interface ServerVersion {
  flavour: 'redis' | 'valkey';
  /** `7.4.2` */
  version: string;
}

/** Whether the target's RESTORE reads what the source DUMPs, as far as versions tell; null: a version is not known. */
export function payloadsFitBetween(source: ServerVersion, target: ServerVersion): boolean | null {
  const [theirs, ours] = [formatOf(source), formatOf(target)];
  if (theirs === null || ours === null) return null;
  if (ours === VALKEY_NINE && theirs >= FOREIGN.from && theirs <= FOREIGN.to) return false;
  return theirs <= ours;
}

/** The version of its serialised values; null for a server that the table does not know. */
export function formatOf({ flavour, version }: ServerVersion): number | null {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (match === null) return null;
  const mine = [Number(match[1]), Number(match[2])] as const;
  if (isAfter(mine, NEWEST[flavour])) return null;
  if (flavour === NOT_READ.flavour && compare(mine, NOT_READ.version) === 0) return null;
  const known = VERSIONS.find((one) => one.flavour === flavour && !isAfter(one.since, mine));
  return known?.format ?? null;
}

type Numbers = readonly [major: number, minor: number];

function isAfter(one: Numbers, other: Numbers): boolean {
  return compare(one, other) > 0;
}

function compare(one: Numbers, other: Numbers): number {
  return one[0] - other[0] || one[1] - other[1];
}
