/** Values of every type of the server that can be a column, with the ones that are easily lost, as text. */
const valuesByType: Record<string, string[]> = {
  boolean: ['t', 'f'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '0', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
  real: ['NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e+38', '0.1'],
  'double precision': ['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '0.1', '1.7976931348623157e+308'],
  numeric: ['NaN', '0', '-0.000', '1.10', '1.1', '1e-16383', `-${'9'.repeat(500)}.${'9'.repeat(500)}`],
  'numeric(12,3)': ['NaN', '-999999999.999', '0.000'],
  money: ['-92233720368547758.08', '0.01'],
  oid: ['0', '4294967295'],
  xid: ['3', '4294967295'],
  xid8: ['0', '18446744073709551615'],
  cid: ['4294967295'],
  tid: ['(0,1)', '(4294967295,65535)'],
  text: ['', ' ', '\\N', '\\.', 'tab\tand\nline\r\n', 'ü 🦄 \u{10ffff}', 'back\\slash "quote\''],
  'character varying(10)': ['', 'ä'.repeat(10)],
  'character(5)': ['a', '  b'],
  '"char"': ['a', ''],
  name: ['pg_class', 'ü'.repeat(31)],
  bytea: ['\\x', '\\x00ff0a5c', `\\x${'00'.repeat(3000)}`],
  'bit(7)': ['0000000', '1010101'],
  'bit varying': ['', '1', '10101010101'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  date: ['4713-01-01 BC', '5874897-12-31', 'infinity', '-infinity', '2000-02-29'],
  time: ['00:00:00', '24:00:00', '23:59:59.999999'],
  'time with time zone': ['00:00:00+15:59', '24:00:00-15:59', '12:00:00.000001+00'],
  timestamp: ['4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', 'infinity', '-infinity'],
  'timestamp with time zone': ['4713-01-01 00:00:00+00 BC', '2026-03-29 01:59:59.999999+00', 'infinity'],
  interval: [
    '1 day',
    '24:00:00',
    '-1 year 2 months -3 days 04:05:06.000007',
    '178000000 years',
    '-00:00:00.000001',
  ],
  json: ['{"b": 1,  "a":1.10, "a": null}', '"\\u00e4"', '[]'],
  jsonb: ['{"a": 1.10, "b": [null, -0.0, 1e400]}', '"\\u00e4\\n"', 'null', '{}'],
  jsonpath: ['$.a[*] ? (@ > 1)', 'strict $."b c"'],
  xml: ['<a b="ü">&amp;<!-- c --></a>', 'text', '<?xml version="1.0"?><a/>'],
  tsvector: ["'fat':2,4A 'ü':1B", ''],
  tsquery: ["'fat' & ( 'rat' | !'cat':A ) <2> 'x':*"],
  inet: ['0.0.0.0/0', '192.168.1.5/24', '::ffff:1.2.3.4', 'fe80::1/64'],
  cidr: ['10.0.0.0/8', '2001:db8::/32'],
  macaddr: ['08:00:2b:01:02:03', 'ff:ff:ff:ff:ff:ff'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  point: ['(0,-0)', '(NaN,Infinity)', '(1e-300,0.1)'],
  line: ['{1,-1,0}'],
  lseg: ['[(0,0),(1.5,-2)]'],
  box: ['(3,4),(1,2)'],
  path: ['[(0,0),(1,1)]', '((0,0),(1,1),(2,0))'],
  polygon: ['((0,0),(1,1),(2,0))'],
  circle: ['<(1,2),3.5>'],
  int4range: ['empty', '[1,5)', '(,)', '[1,)'],
  int8range: ['[-9223372036854775808,9223372036854775807)'],
  numrange: ['[1.10,1.2]', '(,NaN]'],
  tsrange: ['[2026-01-01,infinity]', '(,"2026-01-01 00:00:00.000001")'],
  tstzrange: ['["2026-01-01 00:00:00+00",)'],
  daterange: ['[2026-01-01,2026-02-01)', 'empty'],
  pg_lsn: ['0/0', 'FFFFFFFF/FFFFFFFF'],
  txid_snapshot: ['10:20:10,14,15'],
  pg_snapshot: ['10:20:10,14,15'],
  'integer[]': ['{}', '{1,NULL,-3}', '[-1:1]={1,2,3}', '{{1,2},{3,4}}'],
  'text[]': ['{}', '{a,NULL,"NULL","","ü,\\"\\\\"}'],
  'numeric[]': ['{NaN,1.10,1.1}'],
  'jsonb[]': ['{"{\\"a\\": 1}",NULL}'],
  'timestamp with time zone[]': ['{infinity,"2026-01-01 00:00:00+00"}'],
  'uuid[]': ['{00000000-0000-0000-0000-000000000000}'],
};

/** What came with PostgreSQL 14. */
const sinceFourteen: Record<string, string[]> = {
  numeric: ['Infinity', '-Infinity'],
  int4multirange: ['{}', '{[1,3),[5,)}'],
  int8multirange: ['{[1,3)}'],
  nummultirange: ['{[1.10,1.2]}', '{(,)}'],
  tsmultirange: ['{[2026-01-01,2026-02-01),[2026-03-01,infinity]}'],
  tstzmultirange: ['{["2026-01-01 00:00:00+00",)}'],
  datemultirange: ['{[2026-01-01,2026-02-01)}'],
};

/** Types of the application's own. */
const own = `
  CREATE TYPE colour AS ENUM ('rot', 'grün', 'b''lau');
  ALTER TYPE colour ADD VALUE 'orange' AFTER 'rot';
  COMMIT;
  CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
  CREATE TYPE pair AS (first text, second numeric);
  CREATE TYPE span AS RANGE (subtype = double precision);
  CREATE TABLE own_types (id serial PRIMARY KEY, e colour, es colour[], d positive, p pair, ps pair[], r span);
  INSERT INTO own_types (e, es, d, p, ps, r) VALUES
    ('orange', '{rot,NULL,"b''lau"}', 1.10, '("a,b",1.10)', ARRAY[ROW('x', 'NaN')::pair], '[-0,Infinity]'),
    ('grün', '{}', 1e100, '(,)', '{}', 'empty'), (NULL, NULL, NULL, NULL, NULL, NULL);
`;

/** The tables of `everyTypeSql`, each with one column `v` of one type. */
export function everyTypeTables(major: number): { table: string; type: string; values: string[] }[] {
  const types = new Map(Object.entries(valuesByType));
  if (major >= 14)
    for (const [type, values] of Object.entries(sinceFourteen))
      types.set(type, [...(types.get(type) ?? []), ...values]);
  return [...types].map(([type, values]) => ({
    table: `type_${type.replaceAll(/\W+/g, '_')}`,
    type,
    values,
  }));
}

/** Tables with values of every type that PostgreSQL `major` has, and of types of the application's own. */
export function everyTypeSql(major: number): string {
  const tables = everyTypeTables(major).map(({ table, type, values }) => {
    const rows = [...values.map((value) => `'${value.replaceAll("'", "''")}'`), 'NULL'];
    return `CREATE TABLE ${table} (id serial PRIMARY KEY, v ${type}); INSERT INTO ${table} (v) VALUES ${rows.map((row) => `(${row})`).join(', ')};`;
  });
  return `${tables.join('\n')}\n${own}`;
}
