import { forecastOf } from '../cutover/forecast.ts';
import type { Subject } from '../subject.ts';
import type { Depth } from '../../src/migration/rehearsal-record.ts';
import type { Cost } from './cost.ts';
import { downtimeIn } from './judge.ts';
import type { Previous } from './previous.ts';

/** What a rehearsal measured: the next forecast begins with it. All times in milliseconds. */
export interface Figures {
  /** From the end of one phase to the end of the next, as the record tells. */
  timings: { what: string; milliseconds: number }[];
  forecast: { low: number; expected: number; high: number; budget: number } | null;
  /** Of a cutover that took place. */
  downtimeMs: number | null;
  /** How far the forecast was off: what it took in parts of what was expected, 1.2 for a fifth more. */
  off: number | null;
  previous: Previous | null;
  cost: Cost | null;
}

export function figuresOf(
  subject: Subject,
  { depth, cost, previous }: { depth: Depth; cost: Cost | undefined; previous: Previous | undefined },
): Figures {
  const forecast = forecastOf(subject);
  const downtimeMs = depth === 'full' ? downtimeIn(subject.record) : undefined;
  return {
    timings: timingsOf(subject),
    forecast:
      forecast === undefined
        ? null
        : {
            low: forecast.low,
            expected: forecast.expected,
            high: forecast.high,
            budget: forecast.budget,
          },
    downtimeMs: downtimeMs ?? null,
    off: offOf(forecast?.expected, downtimeMs),
    previous: previous ?? null,
    cost: cost ?? null,
  };
}

function offOf(expected: number | undefined, actual: number | undefined): number | null {
  if (expected === undefined || actual === undefined || expected <= 0) return null;
  return Math.round((actual / expected) * 100) / 100;
}

function timingsOf({ record: { sections } }: Subject): Figures['timings'] {
  return sections.slice(1).map(({ phase, at, data }, index) => {
    const detail = detailOf(data);
    const since = Date.parse(sections[index]?.at ?? at);
    return {
      what: detail === undefined ? phase : `${phase} ${detail}`,
      milliseconds: Math.max(0, Date.parse(at) - since),
    };
  });
}

function detailOf(data: unknown): string | undefined {
  const { stage, command } = (data ?? {}) as { stage?: unknown; command?: unknown };
  return [stage, command].find((one): one is string => typeof one === 'string');
}
