import { readFileSync } from 'node:fs';

export type Side = 'old' | 'new';

/** One line of the diary that jobs of both sides write: `asked` is enqueued, `cut` is what Sidekiq pushes back. */
export interface Entry {
  side: Side;
  pid: number;
  thread: string;
  what: 'asked' | 'begun' | 'ended' | 'failed' | 'cut';
  id: string;
  /** How often the job had failed before. */
  attempt: number;
}

/** In the order in which it was written. */
export function readDiary(file: string): Entry[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [side, pid, thread = '', what, id = '', attempt] = line.split(' ');
    return {
      side: side as Side,
      pid: Number(pid),
      thread,
      what: what as Entry['what'],
      id,
      attempt: Number(attempt),
    };
  });
}

/** Jobs that have begun and neither ended, nor failed, nor were cut. */
export function running(entries: Entry[]): string[] {
  const ids = new Set<string>();
  for (const { what, id } of entries) {
    if (what === 'begun') ids.add(id);
    else ids.delete(id);
  }
  return [...ids];
}

/** What was enqueued, and is neither far away nor dead, and has not ended. */
export function missing(entries: Entry[]): string[] {
  const ids = new Set(entries.filter(({ what }) => what === 'asked').map(({ id }) => id));
  for (const { what, id } of entries) if (what === 'ended' || /-(far|dead)$/.test(id)) ids.delete(id);
  return [...ids];
}

/** The sides that ran jobs, one after the other: `['old', 'new']` means that none ran on the old side any more. */
export function sidesInTurn(entries: Entry[]): Side[] {
  const sides = entries.filter(({ what }) => what !== 'asked').map(({ side }) => side);
  return sides.filter((side, index) => side !== sides[index - 1]);
}

/**
 * Jobs that did not go as jobs go: they run once at a time, know how often they have failed, and end once. One that was
 * cut begins again with the same count.
 */
export function astray(entries: Entry[]): string[] {
  const states = new Map<string, { isRunning: boolean; failures: number; hasEnded: boolean }>();
  const wrong = new Set<string>();
  for (const { what, id, attempt } of entries) {
    if (what === 'asked') continue;
    const state = states.get(id) ?? { isRunning: false, failures: 0, hasEnded: false };
    states.set(id, state);
    if (state.hasEnded || state.isRunning === (what === 'begun') || attempt !== state.failures) wrong.add(id);
    state.isRunning = what === 'begun';
    state.hasEnded = what === 'ended';
    if (what === 'failed') state.failures += 1;
  }
  return [...wrong];
}

/** How many jobs were enqueued, or failed, on one side and ended on the other. */
export function moved(entries: Entry[], from: Side, to: Side): { enqueued: number; failed: number } {
  const idsOf = (what: Entry['what'], side: Side): string[] =>
    entries.filter((entry) => entry.what === what && entry.side === side).map(({ id }) => id);
  const ended = new Set(idsOf('ended', to));
  const whichEnded = (ids: string[]): number => new Set(ids.filter((id) => ended.has(id))).size;
  return { enqueued: whichEnded(idsOf('asked', from)), failed: whichEnded(idsOf('failed', from)) };
}
