import { parseArgs } from 'node:util';
import { ConfigurationError } from '../src/errors.ts';

export type Subject = 'postgres' | 'redis';

/** What is measured of Postgres, in the order in which it runs. */
export const postgresParts = ['copy', 'parity', 'overhead', 'drain', 'window', 'wan'] as const;
export type PostgresPart = (typeof postgresParts)[number];

export interface BenchOptions {
  subjects: Subject[];
  /** About so much data on the source; default 500 MB of Postgres, 100 MB of Redis (a key for each thousand bytes). */
  sizeBytes: number | undefined;
  /** How often each variant is measured. */
  rounds: number;
  /** The parts of Postgres; without --only all but `wan`, and with --wan that, too. */
  parts: ReadonlySet<PostgresPart>;
  /** Print one JSON object as the last line of standard output, and everything else on standard error. */
  json: boolean;
}

export const usage = `npm run bench -- [postgres|redis] [--size 500MB] [--rounds 3] [--wan] [--only ${postgresParts.join(',')}] [--json]
Without a name both are measured. --wan and --only are for postgres.`;

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9 } as const;
const SMALLEST = 1_000_000;
/** A median of fewer says nothing. */
const FEWEST_ROUNDS = 3;

/** Reads the command line. Throws a ConfigurationError that shows how it is used. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < FEWEST_ROUNDS)
    throw wrong(`--rounds ${values.rounds}: a median needs ${FEWEST_ROUNDS} or more`);
  return {
    subjects: subjectsOf(positionals),
    sizeBytes: values.size === undefined ? undefined : parseSize(values.size),
    rounds,
    parts: partsOf(values.only, values.wan),
    json: values.json,
  };
}

interface Values {
  size?: string | undefined;
  rounds: string;
  wan: boolean;
  only?: string | undefined;
  json: boolean;
}

function parse(args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        size: { type: 'string' },
        rounds: { type: 'string', default: String(FEWEST_ROUNDS) },
        wan: { type: 'boolean', default: false },
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (thrown) {
    throw wrong(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function subjectsOf(names: readonly string[]): Subject[] {
  if (names.length === 0) return ['postgres', 'redis'];
  return names.map((name) => {
    if (name !== 'postgres' && name !== 'redis') throw wrong(`"${name}" is not measured here`);
    return name;
  });
}

function partsOf(only: string | undefined, wan: boolean): Set<PostgresPart> {
  const parts = new Set<PostgresPart>(only === undefined ? postgresParts : only.split(',').map(partOf));
  if (only === undefined) parts.delete('wan');
  if (wan) parts.add('wan');
  return parts;
}

function partOf(name: string): PostgresPart {
  const part = postgresParts.find((known) => known === name.trim());
  if (part === undefined) throw wrong(`--only ${name}: one of ${postgresParts.join(', ')}`);
  return part;
}

/** `100MB`, in powers of ten as disks are sold. */
function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(kB|MB|GB)$/i.exec(text.trim());
  const unit = Object.entries(UNITS).find(([name]) => name.toLowerCase() === match?.[2]?.toLowerCase());
  const bytes = match === null || unit === undefined ? 0 : Number(match[1]) * unit[1];
  if (bytes < SMALLEST) throw wrong(`--size ${text}: a size such as 100MB or 2GB, at least 1MB`);
  return bytes;
}

function wrong(what: string): ConfigurationError {
  return new ConfigurationError(`${what}.\n${usage}`);
}
