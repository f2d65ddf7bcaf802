import type { Log } from '../log.ts';
import type { CapturedTable } from './capture.ts';
import type { TableToCopy } from './chunks.ts';
import { describeAddress, withConnection } from './connect.ts';
import { statementError } from './errors.ts';
import { readKeys } from './drain-plan.ts';
import { quoteIdentifier } from './names.ts';
import { pipeCopy } from './pipe.ts';
import { applicationName } from './settle.ts';
import type { Sides } from './sides.ts';
import { holdEpoch, type Run } from './stamp.ts';

/**
 * Takes off the target all rows whose keys the source's capture has logged. Chunks of one table that were read under
 * different snapshots may hold a row twice or not at all, but only a row that changed in between, and those are logged:
 * without them the table's keys can be built, and the next drain brings each back once.
 *
 * @throws Error for a table without a key, of which no row can be told from another
 */
export async function untangle(
  sides: Sides,
  table: TableToCopy,
  options: Run & { captured: readonly CapturedTable[]; log: Log; signal?: AbortSignal },
): Promise<void> {
  const captured = options.captured.find(({ oid }) => oid === table.oid);
  const key = captured?.key;
  if (captured === undefined || key == null)
    throw new Error(`The chunks of ${table.relation} are of several snapshots, and it has no key.`);
  const columns = key.map(quoteIdentifier);
  const keys = columns.join(', ');
  const session = {
    applicationName: applicationName(options.migrationId, options.epoch),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  await withConnection(sides.source, session, (source) =>
    withConnection(sides.target.loader, session, async (target) => {
      await target.query('BEGIN');
      await holdEpoch(target, options, 'shared');
      await target.query(`
        CREATE TEMPORARY TABLE logged ON COMMIT DROP AS
        SELECT ${keys} FROM ONLY ${table.relation} WITH NO DATA`);
      // By the equality of the key's own index: citext's is in no search path of ours.
      const operators = await readKeys(source, [captured]);
      const equals = (column: string): string =>
        operators.get(`${table.relation} ${column}`)?.equals ?? 'OPERATOR(pg_catalog.=)';
      const same = key.map(
        (column) => `t.${quoteIdentifier(column)} ${equals(column)} k.${quoteIdentifier(column)}`,
      );
      await pipeCopy(
        { source, target },
        {
          out: `COPY (SELECT DISTINCT ${keys} FROM ${captured.log} WHERE ${columns[0] ?? ''} IS NOT NULL) TO STDOUT`,
          into: 'COPY pg_temp.logged FROM STDIN',
        },
        {
          afterRead: () => Promise.resolve(undefined),
          errorOf: (thrown, side) =>
            statementError(thrown, describeAddress(side === 'source' ? sides.source : sides.target.loader)),
        },
      );
      const { rowCount } = await target.query(`
        DELETE FROM ONLY ${table.relation} AS t USING pg_temp.logged AS k
         WHERE ${same.join(' AND ')}`);
      await target.query('COMMIT');
      options.log.info(
        `${table.relation} was copied under more than one snapshot: ${rowCount ?? 0} rows that changed meanwhile wait for the next drain.`,
      );
    }),
  );
}
