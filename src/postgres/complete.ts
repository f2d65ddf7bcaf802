import { compareCatalogues, readCatalogue, splitAnnounced, type Announced } from './catalogue.ts';
import { withConnection } from './connect.ts';
import type { Sides } from './sides.ts';
import { withSnapshot, type Snapshot, type SnapshotOptions } from './snapshot.ts';

/**
 * Compares the catalogues object by object: every object of the source's, as the snapshot sees it, is on the target, and
 * nothing else is. Answers what differs beyond what was announced, one line each.
 */
export async function missingObjects(
  sides: Sides,
  snapshot: Snapshot,
  options: SnapshotOptions & { sameMajor: boolean; announced: Announced[] },
): Promise<string[]> {
  const [source, target] = await Promise.all([
    withSnapshot(sides.source, snapshot, options, (client) => readCatalogue(client, options.sameMajor)),
    withConnection(sides.target.owner, options, (client) => readCatalogue(client, options.sameMajor)),
  ]);
  return splitAnnounced(compareCatalogues(source, target), options.announced).unexpected;
}

/** @throws Error that lists them, unless there are none */
export function refuseIncomplete(missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new Error(
    [
      'The copy lacks or alters objects of the source, so it is not complete:',
      ...missing.slice(0, 20).map((line) => `  ${line}`),
      ...(missing.length > 20 ? [`  and ${missing.length - 20} more`] : []),
    ].join('\n'),
  );
}
