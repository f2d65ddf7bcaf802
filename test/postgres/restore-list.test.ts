import { expect, test } from '@jest/globals';
import { NotSupportedError } from '../../src/errors.ts';
import { rewriteRestoreList } from '../../src/postgres/restore-list.ts';

const herokuList = `;
; Archive created at 2026-11-20 10:00:00 UTC
;     dbname: d1
;
8; 2615 16390 SCHEMA - _heroku heroku_admin
10; 2615 16385 SCHEMA - heroku_ext u1
11; 2615 2200 SCHEMA - public u1
4400; 0 0 COMMENT - SCHEMA public u1
2; 3079 16395 EXTENSION - pg_stat_statements
4401; 0 0 COMMENT - EXTENSION pg_stat_statements
270; 1255 16391 FUNCTION _heroku create_ext() heroku_admin
4402; 0 0 ACL - SCHEMA public u1
900; 1259 16402 TABLE public orders u1
901; 1259 16402 TABLE public EVENT TRIGGER u1
902; 0 0 COMMENT public TABLE orders u1
3300; 0 16402 TABLE DATA public orders u1
3400; 2620 16500 TRIGGER public orders stamp u1
3401; 2620 16501 TRIGGER public orders heroku_to_digitalocean_moved u1
3402; 2606 16502 FK CONSTRAINT public orders orders_user_fk u1
4300; 3466 16396 EVENT TRIGGER - log_create_ext heroku_admin
4301; 6104 16397 PUBLICATION - everything u1
4303; 0 0 COMMENT - PUBLICATION everything u1
4302; 826 16398 DEFAULT ACL - DEFAULT PRIVILEGES FOR TABLES postgres
`;

test('what Heroku adds to every database is taken out, each entry with a reason, and nothing else', () => {
  const { kept, removed } = rewriteRestoreList(herokuList, { extensionSchemas: ['heroku_ext'] });
  expect(kept.split('\n').filter((line) => line !== '')).toEqual([
    '900; 1259 16402 TABLE public orders u1',
    '901; 1259 16402 TABLE public EVENT TRIGGER u1',
    '902; 0 0 COMMENT public TABLE orders u1',
    '3300; 0 16402 TABLE DATA public orders u1',
    '3400; 2620 16500 TRIGGER public orders stamp u1',
    '3402; 2606 16502 FK CONSTRAINT public orders orders_user_fk u1',
    '4302; 826 16398 DEFAULT ACL - DEFAULT PRIVILEGES FOR TABLES postgres',
  ]);
  expect(removed).toHaveLength(12);
  expect(removed.every(({ entry, reason }) => entry !== '' && reason !== '')).toBe(true);
});

test('an unknown entry in the restore list stops the run', () => {
  const list = '7; 1234 5678 QUANTUM TABLE public orders u1\n';
  expect(() => rewriteRestoreList(list)).toThrow(NotSupportedError);
  expect(() => rewriteRestoreList(list)).toThrow(/QUANTUM TABLE/);
  expect(() => rewriteRestoreList('what is this?\n')).toThrow(/does not know/);
});

test('what cannot be carried over is told all at once, with what to do', () => {
  const list = '7; 1 2 SERVER - other u1\n8; 1 3 ACCESS METHOD - slow u1\n9; 1 4 TABLE public fine u1\n';
  expect(() => rewriteRestoreList(list)).toThrow(
    /SERVER - other u1: .*\n.*ACCESS METHOD - slow u1: .*superuser/,
  );
});

test('large objects no longer stop a run: they are said to be copied on their own', () => {
  const { kept, removed } = rewriteRestoreList(
    '8; 1 3 BLOB METADATA - 16999 u1\n9; 0 0 COMMENT - LARGE OBJECT 16999 u1\n',
  );
  expect(kept).toBe('');
  expect(removed.map(({ reason }) => reason)).toEqual(
    Array(2).fill(expect.stringContaining('large objects are copied')),
  );
});

test('a name may hold a line separator of Unicode, or a carriage return', () => {
  const list = '900; 1259 16402 TABLE public or\u2028d\u2029er\rs u1\n';
  expect(rewriteRestoreList(list).kept).toBe(list);
});
