import { totalmem } from 'node:os';
import { messageOf } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { cores } from './cpu.ts';
import { moveByHand } from './cutover/by-hand.ts';
import { moveByRehearsal, type Interruption } from './cutover/rehearsed.ts';
import { ratioOf, spreadOf, type Spread } from './measure.ts';
import type { BenchOptions, Part } from './options.ts';

export interface CutoverResult {
  environment: Record<string, unknown>;
  failed: Record<string, string>;
  sizes: SizeResult[];
}

export interface SizeResult {
  sizeMb: number;
  variants: Partial<Record<Part<'cutover'>, VariantResult>>;
}

export interface VariantResult {
  downtimeMs: Spread;
  longestHoldMs: Spread;
  /** With the front door: how much of a hold was the old release's own. */
  oldReleaseEndedAfterMs?: Spread;
  refusedRequests: Spread;
  /** Our downtime divided by that of the move by hand, round by round. */
  vsByHand?: Spread;
}

/** Megabytes, unless `--size` names one: of the rehearsal, and what shows how the downtime grows with the data. */
const SIZES_MB = [8, 500];
/** Requests a second from outside. */
const RATE = 10;

/** How each way of ours is told to the rehearsal. */
export const OURS = {
  'window-dns': { strategy: 'window', traffic: 'dns' },
  'live-dns': { strategy: 'live', traffic: 'dns' },
  'live-front-door': { strategy: 'live', traffic: 'front-door' },
} as const;

/** What visitors notice of a cutover, by size, strategy and traffic mode, against the same shop moved by hand. */
export async function benchCutover(options: BenchOptions, log: Log): Promise<CutoverResult> {
  const sizes =
    options.sizeBytes === undefined ? SIZES_MB : [Math.max(1, Math.round(options.sizeBytes / 1e6))];
  const result: CutoverResult = {
    environment: { cores, memoryGb: Math.round(totalmem() / 1e9), node: process.versions.node },
    failed: {},
    sizes: [],
  };
  for (const sizeMb of sizes) {
    const rounds = new Map<Part<'cutover'>, Interruption[]>();
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const part of options.parts.cutover) {
        if (result.failed[`${part} ${sizeMb} MB`] !== undefined) continue;
        const seed = 1000 * sizeMb + round;
        try {
          const seen =
            part === 'by-hand'
              ? await moveByHand({ sizeMb, rate: RATE, seed })
              : await moveByRehearsal({ sizeMb, rate: RATE, seed, ...OURS[part] });
          rounds.set(part, [...(rounds.get(part) ?? []), seen]);
          log.info(
            `${sizeMb} MB, round ${round} of ${options.rounds}: ${part} ${(seen.downtimeMs / 1000).toFixed(1)} s down, longest hold ${(seen.longestHoldMs / 1000).toFixed(1)} s, ${seen.refusedRequests} refused`,
          );
        } catch (thrown) {
          log.warning(`${part} was not measured: ${messageOf(thrown)}`);
          result.failed[`${part} ${sizeMb} MB`] = messageOf(thrown);
        }
      }
    }
    result.sizes.push({ sizeMb, variants: variantsOf(rounds) });
  }
  return result;
}

function variantsOf(rounds: ReadonlyMap<Part<'cutover'>, Interruption[]>): SizeResult['variants'] {
  const byHand = rounds.get('by-hand')?.map(({ downtimeMs }) => downtimeMs);
  return Object.fromEntries(
    [...rounds].map(([part, seen]) => {
      const downtimes = seen.map(({ downtimeMs }) => downtimeMs);
      const comparable = part !== 'by-hand' && byHand?.length === downtimes.length;
      const ended = seen.flatMap((one) => one.oldReleaseEndedAfterMs ?? []);
      const variant: VariantResult = {
        downtimeMs: spreadOf(downtimes),
        longestHoldMs: spreadOf(seen.map(({ longestHoldMs }) => longestHoldMs)),
        refusedRequests: spreadOf(seen.map(({ refusedRequests }) => refusedRequests)),
        ...(ended.length === 0 ? {} : { oldReleaseEndedAfterMs: spreadOf(ended) }),
        ...(comparable ? { vsByHand: ratioOf(downtimes, byHand) } : {}),
      };
      return [part, variant];
    }),
  );
}
