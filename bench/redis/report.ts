import { figure, table, times, told, type Figures } from '../figures.ts';
import type { Spread } from '../measure.ts';
import type { CopyResult, RedisResult } from '../redis.ts';
import type { Block } from './slow-commands.ts';

type NamedBlock = Block & { during: string };

/** The result as one object of plain numbers; what was not measured is null. */
export function redisJson(result: RedisResult): Figures {
  const { environment, data, copy, tls, final, wan } = result;
  const longest = longestOf(result);
  return {
    environment,
    data: {
      keys: data.keys,
      usedMemoryMb: Math.round(data.usedMemoryBytes / 1e6),
      largeMb: Object.fromEntries(
        Object.entries(data.large).map(([key, bytes]) => [key, Math.round(bytes / 1e5) / 10]),
      ),
    },
    ...copyFigures(copy, ''),
    ...figure('vsMigrate', copy?.vsMigrate, 2),
    ...copyFigures(tls, 'Tls'),
    ...figure('finalPassMsPerMillion', final && perMillion(final.milliseconds, final.keys), 0),
    final:
      final === undefined
        ? null
        : {
            keys: final.keys,
            changes: final.changes,
            ...figure('milliseconds', final.milliseconds, 0),
            how: final.finished.how,
            paused: final.finished.paused,
            moved: final.finished.keys,
            deleted: final.finished.deleted,
            compared: final.finished.compared,
            catchUp: {
              changesPerSecond: Math.round(final.catchUp.changesPerSecond),
              keys: final.catchUp.keys,
              passes: final.catchUp.passes,
              milliseconds: Math.round(final.catchUp.milliseconds),
            },
            ...figure('resumeMs', final.resumeMilliseconds, 0),
            peakMb: Math.round(final.peakBytes / 1e6),
          },
    longestBlockMs: longest === undefined ? null : Number(longest.milliseconds.toFixed(1)),
    longestBlocks: Object.fromEntries(
      [...blocksOf(result), ...blocksOfPeers(result)].map(({ during, side, milliseconds, command }) => [
        during,
        { milliseconds: Number(milliseconds.toFixed(1)), side, command },
      ]),
    ),
    ...figure('peakMb', copy && times(copy.peakBytes, 1e-6), 0),
    ...figure('peakMbAtRest', copy && times(copy.peakBytesAtRest, 1e-6), 0),
    ...figure('peakMbTls', tls && times(tls.peakBytes, 1e-6), 0),
    wan:
      wan?.map((line) => ({
        rttMs: line.rttMs,
        measuredRttMs: Number(line.measuredRttMs.toFixed(1)),
        connectionMbPerSecond: line.connectionMbPerSecond,
        ...copyFigures(line, ''),
      })) ?? null,
    failed: result.failed,
  };
}

/** The same for people. */
export function redisLines(result: RedisResult): string[] {
  const { copy, tls, final, wan } = result;
  const lines = new Map<string, string>();
  const tellCopy = (name: string, measured: CopyResult | undefined): void => {
    if (measured === undefined) return;
    lines.set(`${name}: keys/s`, told(measured.keysPerSecond, 0));
    lines.set(`${name}: keys/s, caught up and proven`, told(measured.provenKeysPerSecond, 0));
    lines.set(`${name}: MB/s of serialised values`, told(measured.mbPerSecond, 1));
    lines.set(`${name}: times as fast as one by one`, told(measured.vsOneByOne));
    lines.set(`${name}: times as fast as a pipelined loop`, told(measured.vsPipelined));
    if (measured.vsMigrate !== undefined)
      lines.set(`${name}: times as fast as MIGRATE`, told(measured.vsMigrate));
    lines.set(`${name}: most memory, MB`, told(times(measured.peakBytes, 1e-6), 0));
  };
  tellCopy('copy', copy);
  tellCopy('copy over TLS', tls);
  for (const line of wan ?? []) tellCopy(`copy over ${line.rttMs} ms`, line);
  if (final !== undefined) {
    lines.set(`final pass after ${final.changes} changes, ms`, told(final.milliseconds, 0));
    lines.set('  for a million keys', told(perMillion(final.milliseconds, final.keys), 0));
    lines.set('followed anew, ms', told(final.resumeMilliseconds, 0));
  }
  for (const { during, milliseconds, side, command } of [...blocksOf(result), ...blocksOfPeers(result)])
    lines.set(
      `longest command, ms: ${during}`,
      `${milliseconds.toFixed(1).padStart(8)}  (${side}: ${command})`,
    );
  return table(lines);
}

function copyFigures(copy: CopyResult | undefined, suffix: '' | 'Tls'): Figures {
  return {
    ...figure(`keysPerSecond${suffix}`, copy?.keysPerSecond, 0),
    ...figure(`provenKeysPerSecond${suffix}`, copy?.provenKeysPerSecond, 0),
    ...figure(`mbPerSecond${suffix}`, copy?.mbPerSecond, 1),
    ...figure(`vsOneByOne${suffix}`, copy?.vsOneByOne, 2),
    ...figure(`vsPipelined${suffix}`, copy?.vsPipelined, 2),
  };
}

function perMillion(milliseconds: Spread, keys: number): Spread {
  return times(milliseconds, 1e6 / keys);
}

/** The longest that our work held up a server. */
function longestOf(result: RedisResult): NamedBlock | undefined {
  return blocksOf(result).sort((one, other) => other.milliseconds - one.milliseconds)[0];
}

function copiesOf({ copy, tls, wan }: RedisResult): [name: string, copy: CopyResult][] {
  const copies: [string, CopyResult | undefined][] = [
    ['copy', copy],
    ['copy over TLS', tls],
    ['copy over a long line', wan?.[0]],
  ];
  return copies.flatMap(([name, measured]) => (measured === undefined ? [] : [[name, measured]]));
}

function blocksOf(result: RedisResult): NamedBlock[] {
  return [
    ...copiesOf(result).flatMap(([during, { blocks }]) => [
      { during, ...blocks.ours },
      { during: `parity after ${during}`, ...blocks.parity },
    ]),
    ...(result.final === undefined
      ? []
      : [
          { during: 'final pass', ...result.final.block },
          { during: 'parity after final pass', ...result.final.parityBlock },
        ]),
  ];
}

function blocksOfPeers(result: RedisResult): NamedBlock[] {
  return copiesOf(result).flatMap(([name, { blocks }]) =>
    Object.entries(blocks.theirs).map(([way, block]) => ({ during: `${way}, ${name}`, ...block })),
  );
}
