import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { twoSides, type TwoSides } from './two-sides.ts';

export async function copiedSides(sql: string): Promise<TwoSides> {
  const sides = await twoSides(sql);
  await sides.copy();
  return sides;
}

/** Both sides as after the switch: copied, and what the new side writes is captured. */
export async function capturedSides(sql: string): Promise<TwoSides> {
  const sides = await copiedSides(sql);
  await installCapture(sides.owner, {
    migrationId: 'shop-test',
    epoch: 1,
    limits: { logBytes: 1e9, leaseMs: 3_600_000 },
    log: silentLog,
    clock: systemClock,
  });
  return sides;
}

/** As our own drains write, and nobody may: no capture logs it. */
export const secretly = (sql: string): string =>
  `SET heroku_to_digitalocean.applying = 'shop-test'; ${sql}; RESET heroku_to_digitalocean.applying`;
