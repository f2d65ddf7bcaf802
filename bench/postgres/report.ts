import { figure, table, times, told, type Figures } from '../figures.ts';
import type { Spread } from '../measure.ts';
import type { PostgresResult } from '../postgres.ts';

/** The result as one object of plain numbers; what was not measured is null. */
export function postgresJson(result: PostgresResult): Figures {
  const { environment, copy, wan, window, drain, overhead, parity } = result;
  return {
    environment,
    copy:
      copy === undefined
        ? null
        : {
            sizeBytes: copy.sizeBytes,
            ...figure('seconds', copy.seconds, 2),
            ...figure('vsPgDump', copy.vsPgDump),
            ...figure('vsPgDumpParallel', copy.vsPgDumpParallel),
            ...figure('vsPgDumpParallelUncompressed', copy.vsPgDumpParallelUncompressed),
            ...figure('vsPgcopydb', copy.vsPgcopydb),
            ...figure('vsFloor', copy.vsFloor),
            ...figure('floorVsPgDump', copy.floorVsPgDump),
          },
    wan:
      wan?.map((line) => ({
        rttMs: line.rttMs,
        mbPerSecond: line.mbPerSecond,
        sizeBytes: line.sizeBytes,
        ...figure('seconds', line.seconds, 2),
        ...figure('vsPgDump', line.vsPgDump),
        ...figure('vsPgcopydb', line.vsPgcopydb),
        measured: line.measured,
      })) ?? null,
    ...bySize('windowMs', window, ({ milliseconds }) => milliseconds),
    ...bySize('windowHeldMs', window, ({ heldMilliseconds }) => heldMilliseconds),
    ...figure('drainRowsPerSecond', drain?.rowsPerSecond, 0),
    ...figure('writeOverhead', overhead?.share),
    ...figure('writeOverheadCpu', overhead?.cpuShare),
    ...figure('writeOverheadFloor', overhead?.floor.share),
    ...figure('writeOverheadFloorCpu', overhead?.floor.cpuShare),
    ...figure('parityVsRowHash', parity?.vsRowHash),
    ...figure('parityVsRowHashAcrossMajors', parity?.vsRowHashAcrossMajors),
    ...figure('peakMb', copy === undefined ? undefined : inMegabytes(copy.peakBytes), 0),
    failed: result.failed,
  };
}

/** The same for people. */
export function postgresLines({ copy, wan, window, drain, overhead, parity }: PostgresResult): string[] {
  const lines = new Map<string, string>();
  if (copy !== undefined) {
    lines.set('copy: time / pg_dump -Fc | pg_restore', told(copy.vsPgDump));
    lines.set('copy: time / pg_dump -Fd -j | pg_restore -j', told(copy.vsPgDumpParallel));
    lines.set('copy: time / the same with -Z0', told(copy.vsPgDumpParallelUncompressed));
    lines.set('copy: time / pgcopydb', told(copy.vsPgcopydb));
    lines.set('copy: time / CPU floor', told(copy.vsFloor));
    lines.set('copy: most memory, MB', told(inMegabytes(copy.peakBytes), 0));
  }
  for (const line of wan ?? []) {
    const name = `${line.rttMs} ms, ${line.mbPerSecond} MB/s: time /`;
    lines.set(`${name} pg_dump -Fc | pg_restore`, told(line.vsPgDump));
    lines.set(`${name} pgcopydb`, told(line.vsPgcopydb));
  }
  for (const { size, milliseconds, heldMilliseconds } of window ?? []) {
    lines.set(`window under load, ${size}, ms`, told(milliseconds, 0));
    lines.set(`  of that with all locks held, ${size}, ms`, told(heldMilliseconds, 0));
  }
  if (drain !== undefined) lines.set('drain, rows/s', told(drain.rowsPerSecond, 0));
  if (overhead !== undefined) {
    lines.set('capture: writes slower by, %', told(times(overhead.share, 100), 1));
    lines.set('capture: CPU of a transaction more by, %', told(times(overhead.cpuShare, 100), 1));
    lines.set('triggers that only log: writes slower by, %', told(times(overhead.floor.share, 100), 1));
    lines.set('triggers that only log: CPU more by, %', told(times(overhead.floor.cpuShare, 100), 1));
  }
  if (parity !== undefined) {
    lines.set('parity: time / row-hash sum', told(parity.vsRowHash));
    lines.set('parity as across majors: time / row-hash sum', told(parity.vsRowHashAcrossMajors));
  }
  return table(lines);
}

function bySize(
  name: string,
  windows: PostgresResult['window'],
  spreadOf: (window: NonNullable<PostgresResult['window']>[number]) => Spread,
): Figures {
  if (windows === undefined) return { [name]: null, [`${name}Spread`]: null };
  const each = windows.map((window) => figure(window.size, spreadOf(window), 0));
  const part = (suffix: string): Figures =>
    Object.fromEntries(windows.map(({ size }, index) => [size, each[index]?.[`${size}${suffix}`]]));
  return { [name]: part(''), [`${name}Spread`]: part('Spread') };
}

function inMegabytes(bytes: Spread): Spread {
  return times(bytes, 1e-6);
}
