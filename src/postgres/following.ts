import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import { describeAddress, withConnection } from './connect.ts';
import { Drainer, type Drained, type EqualSnapshots, type PassOptions } from './drain.ts';
import {
  compareShapes,
  describeDifference,
  readBaseline,
  readDigest,
  readShape,
  saveShape,
  type Shape,
  type ShapeComparison,
} from './drift.ts';
import { followSchema } from './follow.ts';
import type { LiveOptions } from './live.ts';
import { applicationName } from './settle.ts';
import type { Sides } from './sides.ts';
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
  #baseline: Shape | undefined;
  /** What was looked at last and found harmless. */
  #accepted = '';

  constructor(sides: Sides, options: LiveOptions) {
    this.#sides = sides;
    this.#options = options;
    this.#drainer = this.#newDrainer();
  }

  async pass(options: PassOptions & { keepSnapshot: true }): Promise<Drained & { snapshots: EqualSnapshots }>;
  async pass(options: PassOptions): Promise<Drained>;
  async pass(options: PassOptions): Promise<Drained> {
    for (let followed = 0; ; followed += 1) {
      try {
        return await this.#drainer.pass(options);
      } catch (thrown) {
        if (!(thrown instanceof SchemaChangedError) || followed >= MOST_FOLLOWED) throw thrown;
        if (!this.#mayFollow(thrown.comparison)) throw thrown;
        this.#options.log.info(thrown.message.split('\n')[0] ?? '');
        await this.#drainer.close();
        const { rewritten, captureTouched } = thrown.comparison;
        // Also where the capture is whole again by now: a run that was killed may have put it right and not copied.
        const lost = [...rewritten, ...captureTouched];
        this.recopied.push(...(await followSchema(this.#sides, lost, this.#options)));
        this.#baseline = undefined;
        this.#drainer = this.#newDrainer();
      }
    }
  }

  async close(): Promise<void> {
    await this.#drainer.close();
  }

  #newDrainer(): Drainer {
    return new Drainer(this.#sides, { ...this.#options, look: (watch) => this.#look(watch) });
  }

  async #look(watch: pg.Client): Promise<string> {
    const digest = await readDigest(watch);
    this.#baseline ??= await this.#readBaseline(watch);
    if (digest === this.#accepted || digest === this.#baseline.digest) return digest;
    const shape = await readShape(watch);
    const comparison = compareShapes(this.#baseline, shape);
    const { rewritten, schema, captureTouched, server } = comparison;
    if (rewritten.length + schema.length + captureTouched.length > 0)
      throw new SchemaChangedError(this.#describe(comparison), comparison);
    if (server !== 'same') await this.#distrust(watch, shape, server);
    this.#accepted = shape.digest;
    return shape.digest;
  }

  async #readBaseline(watch: pg.Client): Promise<Shape> {
    const baseline = await readBaseline(watch, this.#options.migrationId);
    if (baseline !== undefined) return baseline;
    throw new ConfigurationError(
      `Nothing is captured on ${describeAddress(this.#sides.source)}, so there is nothing to drain: copy with the live strategy first.`,
    );
  }

  /**
   * Another machine, or one that crashed, may lack commits that were drained already: every table is to be proven again,
   * which the list of touched keys says until somebody does.
   */
  async #distrust(watch: pg.Client, shape: Shape, server: ShapeComparison['server']): Promise<void> {
    this.#options.log.warning(
      `The source was ${server === 'failover' ? 'replaced by another server (a fail-over)' : 'restarted'} since the copy: every table is compared again by the next proof.`,
    );
    await withConnection(this.#sides.target.loader, this.#session(), async (loader) => {
      await loader.query(
        `INSERT INTO ${OUR_SCHEMA}.touched (relation, key)
         SELECT relation, NULL FROM pg_catalog.unnest($1::text[]) AS relation
          WHERE pg_catalog.to_regclass(relation) IS NOT NULL`,
        [shape.captured.map(({ relation }) => relation)],
      );
    });
    await saveShape(watch, this.#options.migrationId, shape);
    this.#baseline = shape;
  }

  /** On the way back nothing is followed: the old side's schema is not ours to change. */
  #mayFollow(comparison: ShapeComparison): boolean {
    if (this.#isWayBack()) return false;
    return this.#options.onSchemaChange === 'recopy' || isOnlyNewTables(comparison);
  }

  #isWayBack(): boolean {
    const { owner, loader } = this.#sides.target;
    return owner.user === loader.user;
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
      this.#isWayBack()
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
    schema.filter(({ change, table, oid }) => change === 'added' && table === oid).map(({ table }) => table),
  );
  return (
    rewritten.length + captureTouched.length === 0 &&
    schema.every(
      ({ change, table, what }) =>
        change === 'added' && (isNew.has(table) || (table === null && what.startsWith('sequence '))),
    )
  );
}
