import { parseArgs } from 'node:util';
import { ConfigurationError } from '../src/errors.ts';

/** What is measured, in the order in which it runs. */
const allParts = {
  postgres: ['copy', 'parity', 'overhead', 'drain', 'window', 'wan'],
  redis: ['copy', 'tls', 'wan', 'final'],
  assess: ['pipeline'],
  cutover: ['by-hand', 'window-dns', 'live-dns', 'live-front-door'],
} as const;

export type Subject = keyof typeof allParts;
export type Part<Of extends Subject = Subject> = (typeof allParts)[Of][number];
export type Parts = { [Of in Subject]: ReadonlySet<Part<Of>> };

export interface BenchOptions {
  subjects: Subject[];
  /**
   * About so much data on the source; default 500 MB of Postgres, 1 GB of Redis (a key for each thousand bytes), 8 and
   * 500 MB for the cutover. What assess looks at has always the same size.
   */
  sizeBytes: number | undefined;
  /** How often each variant is measured. */
  rounds: number;
  /** Without --only all but `wan` of Postgres, which takes very long, and with --wan that, too. */
  parts: Parts;
  /** Print one JSON object as the last line of standard output, and everything else on standard error. */
  json: boolean;
}

const subjects = Object.keys(allParts) as Subject[];

export const usage = `npm run bench -- [postgres|redis|assess|cutover] [--size 500MB] [--rounds 3] [--wan] [--only part,part] [--json]
Parts:
${subjects.map((subject) => `  ${subject}: ${allParts[subject].join(', ')}`).join('\n')}
Without a name all are measured. --wan is for postgres, which is not measured over long lines without it.`;

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
  const named = subjectsOf(positionals);
  return {
    subjects: named,
    sizeBytes: values.size === undefined ? undefined : parseSize(values.size),
    rounds,
    parts: partsOf(named, values.only, values.wan),
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
  if (names.length === 0) return subjects;
  return names.map((name) => {
    const subject = subjects.find((known) => known === name);
    if (subject === undefined) throw wrong(`"${name}" is not measured here`);
    return subject;
  });
}

/** Each name is a part of one of the subjects at least; `copy` is one of both. */
function partsOf(named: readonly Subject[], only: string | undefined, wan: boolean): Parts {
  const names = only?.split(',').map((name) => name.trim());
  for (const name of names ?? [])
    if (!named.some((subject) => allParts[subject].some((part) => part === name)))
      throw wrong(
        `--only ${name}: one of ${named.map((subject) => allParts[subject].join(', ')).join(', or ')}`,
      );
  const chosen = <P extends Part>(parts: readonly P[]): Set<P> =>
    new Set(parts.filter((part) => names?.includes(part) ?? true));
  const postgres = chosen(allParts.postgres);
  if (names === undefined) postgres.delete('wan');
  if (wan) postgres.add('wan');
  return {
    postgres,
    redis: chosen(allParts.redis),
    assess: chosen(allParts.assess),
    cutover: chosen(allParts.cutover),
  };
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
