import { FollowingDrainer } from './following.ts';
import type { LiveOptions } from './live-options.ts';
import { proveAll, proveTouched, type LiveProof } from './live-proof.ts';
import { beginRun } from './live-run.ts';
import { applicationName } from './settle.ts';
import type { Sides } from './sides.ts';
import { advising } from './way-back-closed.ts';

/**
 * Compares both sides while the source goes on writing: `full` every row, `touched` what drains wrote since the last
 * proof. What is put out of the target's way until the switch (foreign keys, triggers) is no difference. Both are read at
 * exactly equal states: one snapshot of the source was drained, and the target is read as that drain left it.
 *
 * @throws Error that names tables, keys and objects that differ
 */
export async function proveLive(
  sides: Sides,
  options: LiveOptions,
  mode: 'full' | 'touched',
): Promise<LiveProof> {
  return advising(sides, () => prove(sides, options, mode));
}

async function prove(sides: Sides, options: LiveOptions, mode: 'full' | 'touched'): Promise<LiveProof> {
  const { clock } = options;
  const started = clock.now().getTime();
  await beginRun(sides, options);
  const drainer = new FollowingDrainer(sides, options);
  try {
    const { snapshots, skippedWhole } = await drainer.pass({ tables: 'keyed', keepSnapshot: true });
    const signal = AbortSignal.any([
      snapshots.lost,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]);
    try {
      const proof = { ...proofOptions(options), snapshots, signal };
      const waiting = skippedWhole.map(({ relation }) => relation);
      if (mode === 'full') {
        const proven = await proveAll(sides, waiting, proof);
        return { ...proven, milliseconds: clock.now().getTime() - started };
      }
      const { compared, tables, whole } = await proveTouched(sides, [], { ...proof, waiting });
      return {
        rows: { compared: compared.keys + compared.rows, pending: 0 },
        tables: tables.length + whole.length,
        milliseconds: clock.now().getTime() - started,
      };
    } finally {
      await snapshots.release();
    }
  } finally {
    await drainer.close();
  }
}

/** As a proof of a live copy wants them. */
export function proofOptions(options: LiveOptions): Parameters<typeof proveAll>[2] {
  const { migrationId, epoch, log, clock, signal } = options;
  return {
    ...{ migrationId, log, clock, applicationName: applicationName(migrationId, epoch) },
    ...(signal === undefined ? {} : { signal }),
  };
}
