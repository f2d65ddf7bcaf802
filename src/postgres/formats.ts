import type { DatabaseFacts } from './facts.ts';

/** How COPY writes a table's rows. Binary is faster; text is what pg_dump uses, and always right. */
export type CopyFormat = 'binary' | 'text';

/** What the choice needs to know of each side. */
export type FormatSide = Pick<DatabaseFacts, 'major' | 'extensions'>;

/** A column's type, after domains have been replaced by what they are over. */
export interface ColumnType {
  name: string;
  /** pg_type.typtype: b base, e enum, c composite, r range, m multirange, p pseudo. */
  kind: string;
  /** Whether it came with the server (pg_catalog, an OID that initdb gave). */
  builtIn: boolean;
  /** Has functions for the binary form in both directions. */
  binary: boolean;
  /** The extension that it belongs to. */
  extension: string | null;
  /** The type of an array's elements. */
  element: ColumnType | null;
}

/** Majors whose binary forms are known to be alike (src/include/catalog and the *send functions of each). */
const KNOWN_MAJORS = { from: 12, to: 18 };

/**
 * Types of the server whose binary form is the value itself in every known major. Not among them: `reg*` (the binary
 * form is an OID, which means another object on the other side), `xml` (its binary form carries the encoding) and what
 * only the server makes.
 */
const PORTABLE = new Set([
  ...[
    'bool',
    'int2',
    'int4',
    'int8',
    'float4',
    'float8',
    'numeric',
    'money',
    'oid',
    'xid',
    'xid8',
    'cid',
    'tid',
  ],
  ...['text', 'varchar', 'bpchar', 'char', 'name', 'bytea', 'bit', 'varbit', 'uuid'],
  ...['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'],
  ...['json', 'jsonb', 'jsonpath', 'tsvector', 'tsquery'],
  ...['inet', 'cidr', 'macaddr', 'macaddr8', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'],
  ...['int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange'],
  ...[
    'int4multirange',
    'int8multirange',
    'nummultirange',
    'tsmultirange',
    'tstzmultirange',
    'datemultirange',
  ],
  ...['pg_lsn', 'pg_snapshot', 'txid_snapshot'],
]);

/** Binary where both sides are known to read the same value from the same bytes, for all columns; text otherwise. */
export function chooseFormat(columns: ColumnType[], source: FormatSide, target: FormatSide): CopyFormat {
  if (!isKnown(source.major) || !isKnown(target.major)) return 'text';
  return columns.every((column) => isPortable(column, source, target)) ? 'binary' : 'text';
}

function isKnown(major: number): boolean {
  return major >= KNOWN_MAJORS.from && major <= KNOWN_MAJORS.to;
}

function isPortable(type: ColumnType, source: FormatSide, target: FormatSide): boolean {
  // The binary form of an array names its element type by OID, which only built-in types have in common.
  if (type.element !== null)
    return type.element.builtIn && type.element.kind !== 'e' && isPortable(type.element, source, target);
  if (!type.binary) return false;
  // An enum's binary form is its label.
  if (type.kind === 'e') return true;
  if (type.builtIn) return PORTABLE.has(type.name);
  if (type.kind !== 'b' || type.extension === null) return false;
  const version = versionOf(source, type.extension);
  return version !== undefined && version === versionOf(target, type.extension);
}

function versionOf(side: FormatSide, extension: string): string | undefined {
  return side.extensions.find(({ name }) => name === extension)?.version;
}
