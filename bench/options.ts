import { parseArgs } from 'node:util';
import { ConfigurationError } from '../src/errors.ts';

export type Subject = 'postgres' | 'redis';

export interface BenchOptions {
  subjects: Subject[];
  /** About so much data on the source; for Redis one key for each thousand bytes. */
  sizeBytes: number;
  /** How often each variant is measured. */
  rounds: number;
  /** Print one JSON object as the last line of standard output. */
  json: boolean;
}

export const usage =
  'npm run bench -- [postgres|redis] [--size 100MB] [--rounds 3] [--json]\n' +
  'Without a name both are measured.';

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9 } as const;
const SMALLEST = 1_000_000;
/** A median of fewer says nothing. */
const FEWEST_ROUNDS = 3;

/** Reads the command line. Throws a ConfigurationError that shows how it is used. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const sizeBytes = parseSize(values.size);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < FEWEST_ROUNDS)
    throw wrong(`--rounds ${values.rounds}: a median needs ${FEWEST_ROUNDS} or more`);
  return { subjects: subjectsOf(positionals), sizeBytes, rounds, json: values.json };
}

function parse(args: readonly string[]): {
  values: { size: string; rounds: string; json: boolean };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        size: { type: 'string', default: '100MB' },
        rounds: { type: 'string', default: String(FEWEST_ROUNDS) },
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
