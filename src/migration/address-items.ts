import { blocked, type Item } from './item.ts';
import type { UnmovedAddress } from './source.ts';

const ENGINES: readonly { scheme: RegExp; name: string }[] = [
  { scheme: /^(jdbc:)?(mysql2?|mariadb|trilogy)$/, name: 'MySQL' },
  { scheme: /^mongodb(\+srv)?$/, name: 'MongoDB' },
  { scheme: /^(jdbc:)?(sqlserver|mssql)$/, name: 'SQL Server' },
  { scheme: /^(jdbc:)?(sqlite3?|file)$/, name: 'SQLite' },
  { scheme: /^(jdbc:)?oracle$/, name: 'Oracle' },
];

/** The items of `addressItems`: where one is, nothing else says that the database was not read. */
export const UNMOVED = { DATABASE_URL: 'postgres/address', REDIS_URL: 'redis/address' } as const;

/** A database that this suite does not move stays behind for certain; so nothing goes on before somebody has seen to it. */
export function addressItems(unmoved: readonly UnmovedAddress[]): Item[] {
  return unmoved.map(({ variable, scheme, why }) => {
    const ours = variable === 'DATABASE_URL' ? 'PostgreSQL' : 'Redis';
    const area = variable === 'DATABASE_URL' ? 'postgres' : 'redis';
    const engine = ENGINES.find((one) => one.scheme.test(scheme))?.name;
    const id = UNMOVED[variable];
    if (engine !== undefined)
      return blocked({
        id,
        area,
        what: `${variable} leads to ${engine}, which this suite does not move`,
        why: `its scheme is ${scheme}; what is moved is PostgreSQL and Redis`,
        remedy: `Move it by ${engine}’s own means, or keep it where it is, and give its address a config var of another name; ${variable} is for ${ours} alone.`,
      });
    return blocked({
      id,
      area,
      what: `${variable} is no address of ${ours} that can be read`,
      why: scheme === '' ? why : `its scheme is ${scheme}. ${why}`,
      remedy: `Write it as ${ours === 'Redis' ? 'rediss://' : 'postgres://'}…, or give what it is a config var of another name, and run assess again.`,
    });
  });
}
