import { ConfigurationError } from '../src/errors.ts';
import { liveObstacles } from '../src/migration/strategy.ts';
import { withConnection } from '../src/postgres/connect.ts';
import { readLiveFacts } from '../src/postgres/live-facts.ts';
import type { Lag } from '../src/postgres/live.ts';
import type { CaptureLimits, LiveOptions } from '../src/postgres/live-options.ts';
import type { Sides } from '../src/postgres/sides.ts';
import { formatBytes, formatCount, formatDuration } from '../src/report/format.ts';
import type { Parties } from './parties.ts';

/** From Heroku to DigitalOcean. */
export function forward({ oldSide, newSide }: Parties): Sides {
  return { source: oldSide.database, target: { owner: newSide.owner, loader: newSide.loader } };
}

/** From DigitalOcean back to Heroku, where one role owns and loads. */
export function backward({ oldSide, newSide }: Parties): Sides {
  return { source: newSide.owner, target: { owner: oldSide.database, loader: oldSide.database } };
}

export function liveOptions(parties: Parties): LiveOptions {
  const { subject, epoch, tools, directory, log, clock, signal, checkLease } = parties;
  return {
    migrationId: subject.environment.migrationId,
    epoch,
    tools,
    directory,
    log,
    clock,
    signal,
    beforeChange: checkLease,
    onSchemaChange: subject.config.live.onSchemaChange,
    limits: captureLimits(parties),
  };
}

export function captureLimits({ subject }: Pick<Parties, 'subject'>): CaptureLimits {
  const { logLimitBytes, leaseMs } = subject.config.live;
  return { logBytes: logLimitBytes, leaseMs };
}

/** @throws ConfigurationError with everything that stands in the way of capturing changes, and what to do about it */
export async function refuseImpossibleLive({ oldSide, signal }: Parties): Promise<void> {
  const session = { applicationName: 'h2d live facts', statementTimeoutMs: 30_000, signal };
  const facts = await withConnection(oldSide.database, session, readLiveFacts);
  const obstacles = liveObstacles(facts);
  if (obstacles.length === 0) return;
  throw new ConfigurationError(
    [
      'The live strategy cannot be here; nothing was changed:',
      ...obstacles.map(({ what, why, remedy }) => `  ${what}: ${why}. ${remedy}`),
    ].join('\n'),
  );
}

/** In rows, bytes and seconds, as people ask for it. */
export function describeLag({ rows, bytes, seconds, whole }: Lag): string {
  const since = rows === 0 ? '' : `, the oldest ${formatDuration(seconds * 1000)} old`;
  const tables =
    whole.length === 0
      ? ''
      : `; ${whole.length} tables without a key (${formatBytes(whole.reduce((sum, table) => sum + table.bytes, 0))}) wait for the window`;
  return `${formatCount(rows)} rows${since}; the logs take ${formatBytes(bytes)}${tables}`;
}

/** Part of a limit at which a person should look: beyond the limit itself the capture breaks, and all is copied again. */
const ALARM = 0.5;

/** What a lag that a catch-up left behind threatens, and what to do; `undefined` when it is well within the limits. */
export function lagProblem(lag: Lag, limits: CaptureLimits): string | undefined {
  const told = `After catching up the lag is ${describeLag(lag)}`;
  if (lag.bytes > limits.logBytes * ALARM) {
    return (
      `${told}. That is more than half of \`live.log-limit\` (${formatBytes(limits.logBytes)}), at which the capture stops rather than fill the disk. ` +
      'Run catch-up more often, raise the limit if the disk has room, or run `command: uninstall` and copy at a quieter time.'
    );
  }
  if (lag.seconds * 1000 > limits.leaseMs * ALARM) {
    return (
      `${told}. That is more than half of \`live.lease\` (${formatDuration(limits.leaseMs)}), after which the capture stops: ` +
      'draining does not keep up with what is written. Run catch-up more often, or use a larger cluster (`postgres.size`).'
    );
  }
  return undefined;
}
