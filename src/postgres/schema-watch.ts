import type pg from 'pg';
import type { ServerRights } from './drift-sql.ts';
import {
  compareShapes,
  describeDifference,
  digestOf,
  readBaseline,
  readShape,
  rightsOf,
  type Shape,
  type ShapeComparison,
} from './drift.ts';

/** The source is not what was copied: nothing more may be drained before somebody has decided what to do about it. */
export class DriftError extends Error {
  override readonly name = 'DriftError';
  readonly comparison: ShapeComparison;

  constructor(comparison: ShapeComparison) {
    super(
      `The source’s schema is not the one that was copied any more, so nothing was written: ${describe(comparison).join('; ')}.`,
    );
    this.comparison = comparison;
  }
}

function describe({ rewritten, schema, captureTouched, server }: ShapeComparison): string[] {
  const first = <T>(list: T[], line: (entry: T) => string): string[] => [
    ...list.slice(0, 5).map(line),
    ...(list.length > 5 ? [`${list.length - 5} more`] : []),
  ];
  return [
    ...first(schema, describeDifference),
    ...first(rewritten, (relation) => `${relation} was written anew by ALTER TABLE`),
    ...first(
      captureTouched,
      (relation) => `the capture of ${relation} was touched, so changes may be missing`,
    ),
    ...(server === 'failover' ? ['another server answers than before (a fail-over)'] : []),
    ...(server === 'restarted' ? ['the server was restarted'] : []),
  ];
}

/** Compares the source with the baseline that was kept with its capture, and does so quickly as long as nothing changes. */
export class SchemaWatch {
  readonly #migrationId: string;
  #baseline: Shape | undefined;
  #known: { digest: string; files: string } | undefined;
  #session: { client: pg.Client; rights: ServerRights } | undefined;

  constructor(migrationId: string) {
    this.#migrationId = migrationId;
  }

  /**
   * Answers a text that changes when a table's rows lie in another file than before: after TRUNCATE, a transaction with
   * an older snapshot sees the table empty. `client` must be in no transaction.
   *
   * @throws DriftError when the source differs from the baseline in any other way
   */
  async look(client: pg.Client): Promise<string> {
    if (this.#session?.client !== client) this.#session = { client, rights: await rightsOf(client) };
    const digest = await digestOf(client, this.#session.rights);
    if (digest === this.#known?.digest) return this.#known.files;
    const shape = await readShape(client);
    this.#baseline ??= await readBaseline(client, this.#migrationId);
    if (this.#baseline === undefined)
      throw new Error('The source’s schema was not noted when its capture was installed; install it again.');
    const comparison = compareShapes(this.#baseline, shape);
    const { rewritten, schema, captureTouched, server } = comparison;
    if ([rewritten, schema, captureTouched].some((list) => list.length > 0) || server !== 'same')
      throw new DriftError(comparison);
    const files = shape.captured.map(({ oid, filenode }) => `${oid} ${filenode}`).join(',');
    this.#known = { digest: shape.digest, files };
    return files;
  }
}
