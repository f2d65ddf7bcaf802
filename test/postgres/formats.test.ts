import { expect, test } from '@jest/globals';
import { chooseFormat, type ColumnType, type FormatSide } from '../../src/postgres/formats.ts';

const side = (major: number, citext = '1.6'): FormatSide => ({
  major,
  extensions: [{ name: 'citext', version: citext, schema: 'heroku_ext' }],
});
const builtIn = (name: string): ColumnType => ({
  ...{ name, kind: 'b', builtIn: true, binary: true, extension: null, element: null },
});
const arrayOf = (element: ColumnType): ColumnType => ({ ...builtIn(`_${element.name}`), element });
const status: ColumnType = { ...builtIn('status'), kind: 'e', builtIn: false };
const citext: ColumnType = { ...builtIn('citext'), builtIn: false, extension: 'citext' };

test.each<[string, ColumnType[], 'binary' | 'text']>([
  ['no column', [], 'binary'],
  ['built-in types', [builtIn('int8'), builtIn('jsonb')], 'binary'],
  ['an array of a built-in type', [arrayOf(builtIn('text'))], 'binary'],
  ['an enum', [status], 'binary'],
  ['an extension’s type', [citext], 'binary'],
  ['one column that cannot', [builtIn('int8'), builtIn('regclass')], 'text'],
  ['a type whose binary form is an OID', [builtIn('regprocedure')], 'text'],
  ['an array of them', [arrayOf(builtIn('regtype'))], 'text'],
  ['an array of an enum', [arrayOf(status)], 'text'],
  ['an array of an extension’s type', [arrayOf(citext)], 'text'],
  ['a composite type', [{ ...builtIn('address'), kind: 'c', builtIn: false }], 'text'],
  ['a range of one’s own', [{ ...builtIn('span'), kind: 'r', builtIn: false }], 'text'],
  ['a type of a newer server', [builtIn('something_new')], 'text'],
  ['a base type without an extension', [{ ...citext, extension: null }], 'text'],
  ['a type without a binary form', [{ ...citext, binary: false }], 'text'],
])('%s', (_, columns, format) => {
  expect(chooseFormat(columns, side(15), side(18))).toBe(format);
});

test('an unknown major on either side, or another version of the extension, means text', () => {
  expect(chooseFormat([builtIn('int8')], side(19), side(18))).toBe('text');
  expect(chooseFormat([builtIn('int8')], side(15), side(99))).toBe('text');
  expect(chooseFormat([citext], side(15), side(18, '1.5'))).toBe('text');
});
