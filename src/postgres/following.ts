import { ConfigurationError } from '../errors.ts';
import { describeAddress, withConnection } from './connect.ts';
import { Drainer, type Drained, type EqualSnapshots, type PassOptions } from './drain.ts';
import { describeDifference, readBaseline, readShape, saveShape, type ShapeComparison } from './drift.ts';
import { followSchema } from './follow.ts';
import type { LiveOptions } from './live-options.ts';
import { DriftError } from './schema-watch.ts';
import { applicationName } from './settle.ts';
import { isWayBack, type Sides } from './sides.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** The source's schema, or the capture itself, is not what the copy was made under. Nothing was written since. */
export class SchemaChangedError extends ConfigurationError {
  readonly comparison: ShapeComparison;

  constructor(message: string, comparison: ShapeComparison) {
    super(message);
    this.comparison = comparison;
  }
}

/** More changes in a row than this are a deployment that goes on: the next catch-up follows it. */
const MOST_FOLLOWED = 3;

/**
 * Drains a source whose schema may change: before a pass writes anything, and once more before it commits, the source is
 * compared with what the copy was made under. New tables are followed at once; every other change is followed or told, as
 * `onSchemaChange` says.
 */
export class FollowingDrainer {
  /** Tables that were copied again, quoted. */
  readonly recopied: string[] = [];
  readonly #sides: Sides;
  readonly #options: LiveOptions;
  #drainer: Drainer;

  constructor(sides: Sides, options: LiveOptions) {
    this.#sides = sides;
    this.#options = options;
    this.#drainer = new Drainer(this.#sides, this.#options);
  }

  /** Connects and plans, so that the next pass has nothing to do but drain. */
  async prepare(): Promise<void> {
    await this.#drainer.prepare();
  }

  async pass(options: PassOptions & { keepSnapshot: true }): Promise<Drained & { snapshots: EqualSnapshots }>;
  async pass(options: PassOptions): Promise<Drained>;
  async pass(options: PassOptions): Promise<Drained> {
    for (let followed = 0; ; followed += 1) {
      try {
        return await this.#drainer.pass(options);
      } catch (thrown) {
        if (!(thrown instanceof DriftError) || followed >= MOST_FOLLOWED) throw thrown;
        await this.#drainer.close();
        await this.#answer(thrown.comparison);
        this.#drainer = new Drainer(this.#sides, this.#options);
      }
    }
  }

  /** @throws SchemaChangedError when nothing is to be done about it */
  async #answer(comparison: ShapeComparison): Promise<void> {
    const { rewritten, schema, captureTouched, server } = comparison;
    if (server !== 'same') await this.#distrust(server);
    if (rewritten.length + schema.length + captureTouched.length === 0) return;
    const error = new SchemaChangedError(this.#describe(comparison), comparison);
    if (!this.#mayFollow(comparison)) throw error;
    this.#options.log.info(error.message.split('\n')[0] ?? '');
    // Also where the capture is whole again by now: a run that was killed may have put it right and not copied.
    this.recopied.push(
      ...(await followSchema(this.#sides, [...rewritten, ...captureTouched], this.#options)),
    );
  }

  async close(): Promise<void> {
    await this.#drainer.close();
  }

  /**
   * Another machine, or one that crashed, may lack commits that were drained already: every table is to be proven again,
   * which the list of touched keys says until somebody does.
   */
  async #distrust(server: ShapeComparison['server']): Promise<void> {
    this.#options.log.warning(
      `The source was ${server === 'failover' ? 'replaced by another server (a fail-over)' : 'restarted'} since the copy: every table is compared again by the next proof.`,
    );
    const { migrationId } = this.#options;
    await withConnection(this.#sides.source, this.#session(), async (source) => {
      const baseline = await readBaseline(source, migrationId);
      if (baseline === undefined) return;
      const relations = baseline.captured.map(({ relation }) => relation);
      await withConnection(this.#sides.target.loader, this.#session(), async (loader) => {
        await loader.query(
          `INSERT INTO ${OUR_SCHEMA}.touched (relation, key)
           SELECT relation, NULL FROM pg_catalog.unnest($1::text[]) AS relation
            WHERE pg_catalog.to_regclass(relation) IS NOT NULL`,
          [relations],
        );
      });
      // Only after that: a run that dies in between finds the change again.
      const { server: present } = await readShape(source);
      await saveShape(source, migrationId, { ...baseline, digest: '', server: present });
    });
  }

  /** On the way back nothing is followed: the old side's schema is not ours to change. */
  #mayFollow(comparison: ShapeComparison): boolean {
    if (isWayBack(this.#sides)) return false;
    return this.#options.onSchemaChange === 'recopy' || isOnlyNewTables(comparison);
  }

  #describe({ rewritten, schema, captureTouched }: ShapeComparison): string {
    const lines = [
      ...schema.map(describeDifference),
      ...rewritten.map((table) => `rewritten: ${table}`),
      ...captureTouched.map((table) => `its capture was disabled or changed for a while: ${table}`),
    ];
    return [
      `The schema of ${describeAddress(this.#sides.source)} changed since it was copied, and nothing was drained since:`,
      ...lines.slice(0, 20).map((line) => `  ${line}`),
      ...(lines.length > 20 ? [`  and ${lines.length - 20} more`] : []),
      isWayBack(this.#sides)
        ? 'This closes the way back: the old side has another schema. To open it again, undo the change on the new side (then run catch-up), or make the same change on the old side and begin the capture anew.'
        : 'To go on, run catch-up with `on-schema-change: recopy`, which copies the tables concerned again; or copy again from the beginning; or undo the change on the source.',
    ].join('\n');
  }

  #session(): { applicationName: string; signal?: AbortSignal } {
    const { migrationId, epoch, signal } = this.#options;
    return {
      applicationName: applicationName(migrationId, epoch),
      ...(signal === undefined ? {} : { signal }),
    };
  }
}

/** Tables and partitions that were made since, and nothing else: they are copied without asking. */
function isOnlyNewTables({ rewritten, schema, captureTouched }: ShapeComparison): boolean {
  const isNew = new Set(
    schema
      // A column that is added to a table bears the table's number, too.
      .filter(({ change, table, oid, sub }) => change === 'added' && table === oid && sub === 0)
      .map(({ table }) => table),
  );
  return (
    rewritten.length + captureTouched.length === 0 &&
    schema.every(
      ({ change, table, what }) =>
        change === 'added' && (isNew.has(table) || (table === null && what.startsWith('sequence '))),
    )
  );
}
