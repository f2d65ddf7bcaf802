import type { AssessResult, EntryResult } from '../assess.ts';
import { figure, table, times, told, type Figures } from '../figures.ts';

/** One object of plain numbers: of the bundle, which is what the runner starts, and of the sources while there is none. */
export function assessJson({ environment, failed, size, bundle, source }: AssessResult): Figures {
  const measured = bundle ?? source;
  return {
    environment,
    entry: bundle === undefined ? 'source' : 'bundle',
    ...figures(measured),
    source: source === undefined ? null : figures(source),
    keys: size.keys,
    failed,
  };
}

export function assessLines({ bundle, source }: AssessResult): string[] {
  const lines = new Map<string, string>();
  for (const [name, measured] of [
    ['bundle', bundle],
    ['source', source],
  ] as const) {
    lines.set(`${name}, s`, told(measured?.seconds));
    lines.set(`${name}, peak MB`, told(measured && times(measured.peakBytes, 1e-6), 0));
  }
  return table(lines);
}

function figures(measured: EntryResult | undefined): Figures {
  return {
    ...figure('seconds', measured?.seconds, 2),
    ...figure('peakMb', measured && times(measured.peakBytes, 1e-6), 0),
    requests: measured?.requests ?? null,
    apps: measured?.apps ?? null,
    tables: measured?.tables ?? null,
    sampleSeconds: measured?.sampleSeconds ?? null,
  };
}
