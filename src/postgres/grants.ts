import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import { quoteIdentifier } from './names.ts';
import type { RemovedEntry } from './restore-list.ts';
import { titleOf, type SchemaEntry } from './schema-archive.ts';

/** The roles of the target's server, by which grants of the source are kept or left out. */
export interface TargetRoles {
  /** Takes the place of the source's role that owns everything. */
  owner: string;
  names: ReadonlySet<string>;
}

/** Reads which roles the target's server has. */
export async function readRoles(client: pg.Client, owner: string): Promise<TargetRoles> {
  const { rows } = await client.query<{ name: string }>('SELECT rolname AS name FROM pg_catalog.pg_roles');
  return { owner, names: new Set(rows.map((row) => row.name)) };
}

/**
 * Fits what names roles to the target: grants, default privileges and policies. The source's owner becomes the target's;
 * a statement for a role that the target does not have is left out with its reason, while what takes rights from PUBLIC
 * stays, so that nothing is less protected than it was. Without `target` every grant is left out.
 *
 * What the owner grants itself on tables and sequences is left out, too: the target is closed until the switch, which
 * gives the owner its rights.
 *
 * @throws ConfigurationError for policies of roles that the target does not have: without them rows might be shown or hidden
 */
export function fitGrants(
  entries: SchemaEntry[],
  sourceOwner: string,
  target: TargetRoles | undefined,
): { entries: SchemaEntry[]; removed: RemovedEntry[] } {
  const removed: RemovedEntry[] = [];
  const missing: string[] = [];
  const present = new Set(entries.filter((entry) => !isGrant(entry)).map((entry) => entry.id));
  const fitted = entries.flatMap((entry): SchemaEntry[] => {
    if (entry.kind === 'POLICY' && target !== undefined) {
      const policy = fitPolicy(entry.sql, sourceOwner, target);
      if ('missing' in policy) {
        missing.push(`${titleOf(entry)} (${policy.missing.join(', ')})`);
        return [];
      }
      return [{ ...entry, sql: policy.sql }];
    }
    if (!isGrant(entry)) return [entry];
    if (target === undefined) {
      removed.push({ entry: titleOf(entry), reason: 'grants name roles of the old side' });
      return [];
    }
    if (entry.kind === 'ACL' && !entry.dependencies.some((id) => present.has(id))) {
      removed.push({
        entry: titleOf(entry),
        reason: 'its object belongs to an extension or to the provider',
      });
      return [];
    }
    const kept: string[] = [];
    for (const statement of statementsOf(entry.sql)) {
      const fit = fitStatement(statement, entry, sourceOwner, target);
      if (fit.sql !== undefined) kept.push(fit.sql);
      else if (fit.reason !== undefined)
        removed.push({ entry: `${titleOf(entry)}: ${statement}`, reason: fit.reason });
    }
    return kept.length === 0 ? [] : [{ ...entry, sql: kept.join('\n') }];
  });
  if (missing.length > 0)
    throw new ConfigurationError(
      `The target lacks roles that row security policies of the source name; nothing was changed. Create them there (CREATE ROLE … NOLOGIN is enough), or drop the policies: ${missing.join('; ')}.`,
    );
  return { entries: fitted, removed };
}

/** Roles beside the owner that kept grants let write to tables: the target is not closed to them. */
export function writersBeside(entries: SchemaEntry[], owner: string): string[] {
  const roles = entries
    .filter((entry) => entry.kind === 'ACL')
    .flatMap((entry) => statementsOf(entry.sql))
    .filter((statement) =>
      /^GRANT (?:[^"]*\b)?(?:ALL|INSERT|UPDATE|DELETE|TRUNCATE)\b.* ON TABLE /s.test(statement),
    )
    .map((statement) => unquote(GRANTEE.exec(statement)?.[2] ?? ''));
  return [...new Set(roles)].filter((role) => role !== owner).sort();
}

function isGrant(entry: SchemaEntry): boolean {
  return entry.kind === 'ACL' || entry.kind === 'DEFAULT ACL';
}

const NAME = '(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
const GRANTEE = new RegExp(` (TO|FROM) (PUBLIC|${NAME})( WITH GRANT OPTION)?( CASCADE)?;$`);
const FOR_ROLE = new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE (${NAME}) `);

function statementsOf(sql: string): string[] {
  return [...sql.matchAll(/(?:[^;"]|"(?:[^"]|"")*")+;/g)].map(([statement]) => statement.trim());
}

function fitStatement(
  statement: string,
  entry: SchemaEntry,
  sourceOwner: string,
  target: TargetRoles,
): { sql?: string; reason?: string } {
  if (/^(SET|RESET) SESSION AUTHORIZATION/.test(statement))
    return { reason: 'granted by a role that had the right from the owner; grant it again on the target' };
  const grantee = GRANTEE.exec(statement);
  const [, , role = ''] = grantee ?? [];
  if (grantee === null) return { reason: 'it is written in a way that this version cannot read' };
  let sql = statement;
  if (entry.kind === 'DEFAULT ACL') {
    const creator = FOR_ROLE.exec(statement)?.[1] ?? '';
    if (unquote(creator) !== sourceOwner)
      return { reason: `${creator} is not the application’s role, and creates nothing on the target` };
    sql = sql.replace(FOR_ROLE, () => `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(target.owner)} `);
  }
  if (role === 'PUBLIC') return { sql };
  if (unquote(role) === sourceOwner) {
    if (entry.kind === 'ACL' && /^(GRANT|REVOKE) .* ON (TABLE|SEQUENCE) /s.test(statement)) return {};
    return {
      sql: sql.replace(
        GRANTEE,
        (_all, word: string, _role: string, ...rest: (string | undefined)[]) =>
          ` ${word} ${quoteIdentifier(target.owner)}${rest[0] ?? ''}${rest[1] ?? ''};`,
      ),
    };
  }
  if (target.names.has(unquote(role))) return { sql };
  return { reason: `the target has no role ${role}` };
}

const POLICY = new RegExp(
  `^(CREATE POLICY ${NAME} ON ${NAME}\\.${NAME}(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)? TO )(${NAME}(?:, ${NAME})*)( USING | WITH CHECK |;)`,
);

/** Without TO a policy is for everybody. */
function fitPolicy(
  sql: string,
  sourceOwner: string,
  target: TargetRoles,
): { sql: string } | { missing: string[] } {
  const match = POLICY.exec(sql);
  if (match === null) return { sql };
  const [whole, head = '', list = '', tail = ''] = match;
  const roles = [...list.matchAll(new RegExp(NAME, 'g'))].map(([role]) => unquote(role));
  const fitted = roles.map((role) => (role === sourceOwner ? target.owner : role));
  const missing = fitted.filter((role) => role !== 'public' && !target.names.has(role));
  if (missing.length > 0) return { missing };
  return { sql: `${head}${fitted.map(quoteIdentifier).join(', ')}${tail}${sql.slice(whole.length)}` };
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
