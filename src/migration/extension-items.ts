import type { AssessFacts } from '../postgres/assess-facts.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import type { DatabaseOffer } from './postgres-items.ts';

/** The page of DigitalOcean's extensions says of these "PostgreSQL 17 and newer". */
const SINCE_17 = /^(postgis(_.*)?|address_standardizer.*|pgrouting|timescaledb|rum)$/;

/** What becomes of each extension, and of what the application put into tables of theirs. */
export function extensionItems({ database, extensionData }: AssessFacts, offer: DatabaseOffer): Item[] {
  return [
    ...database.extensions.map((extension) => extensionItem(extension, offer)),
    ...herokuSchema(database),
    ...(extensionData ?? []).map(({ extension, table, hasRows }) =>
      decide({
        id: `postgres/extension-data/${idPart(table)}`,
        area: 'postgres',
        what:
          hasRows === null
            ? `${table} of ${extension} could not be read`
            : `${table} of ${extension} holds rows of yours`,
        question: 'Tables of extensions are not copied. What becomes of these rows?',
        options: ['entered again by hand after the copy', 'not needed'],
        why: 'the extension marks the table as configuration (pg_extension.extconfig), and its rows did not come with it',
        remedy: `Keep them: \\copy (SELECT * FROM ${table}) TO '${idPart(table)}.csv' CSV HEADER`,
      }),
    ),
  ];
}

function extensionItem(
  { name, version, schema }: AssessFacts['database']['extensions'][number],
  offer: DatabaseOffer,
): Item {
  const id = `postgres/extension/${idPart(name)}`;
  const what = `the extension ${name} ${version}`;
  const area = 'postgres';
  if (name === 'pg_stat_statements')
    return automatic({
      id,
      area,
      what,
      becomes: 'the cluster’s own one; its figures begin anew',
      why: 'providers put it into every database and manage it themselves',
    });
  const offered = Object.hasOwn(offer.extensions, name) ? offer.extensions[name] : undefined;
  if (offered === undefined && offer.assumed === true)
    return decide({
      id,
      area,
      what,
      question: 'Does the Advanced Edition offer it? Columns, indexes and functions may need it.',
      options: ['it-is-offered', 'replaced-first'],
      why: `not on ${offer.source}`,
      remedy: `Ask a cluster of that edition: SELECT * FROM pg_available_extensions WHERE name = '${name}'; the copy fails without it.`,
    });
  if (offered === undefined)
    return blocked({
      id,
      area,
      what,
      why: `the target does not offer it: not on ${offer.source}; columns, indexes and functions of the application may need it`,
      remedy: `Not used? DROP EXTENSION "${name}"; refuses, and names what uses it, when it is. Otherwise replace what uses it first.`,
    });
  const place =
    schema === 'heroku_ext'
      ? 'created in a schema heroku_ext that is made for it; the search path is kept'
      : `created in the schema ${schema}`;
  if (offered !== null && isOlder(offered, version))
    return decide({
      id,
      area,
      what,
      question: `The target has an older one, ${offered}: is what you use in it already?`,
      options: [place, 'the application is changed first'],
      why: `${version} on the source, ${offered} from ${offer.source}`,
      remedy:
        'Read its release notes between the two; the practice copy fails on what the older one does not know.',
    });
  if (offered === null && offer.major !== null && offer.major < 17 && SINCE_17.test(name))
    return told({
      id,
      area,
      what,
      becomes: place,
      why: `${offer.source} says "PostgreSQL 17 and newer" of it, and the target is ${offer.major}`,
      remedy: `Ask the cluster once it exists: SELECT * FROM pg_available_extensions WHERE name = '${name}'; or choose version 17.`,
    });
  if (offered === null && offer.assumed === true)
    return told({
      id,
      area,
      what,
      becomes: place,
      why: `on ${offer.source}; the Advanced Edition switches extensions on in another way`,
      remedy: `Let staging show it, or ask the cluster once it exists: SELECT * FROM pg_available_extensions WHERE name = '${name}';`,
    });
  return automatic({
    id,
    area,
    what,
    becomes: place,
    why:
      offered === null
        ? `on ${offer.source}; which version it gives is known once the cluster exists`
        : `${offered} from ${offer.source}`,
  });
}

function herokuSchema({ schemas, extensions, searchPath }: AssessFacts['database']): Item[] {
  if (!schemas.includes('heroku_ext')) return [];
  const inside = extensions.filter(({ schema }) => schema === 'heroku_ext').map(({ name }) => name);
  return [
    automatic({
      id: 'postgres/heroku-ext',
      area: 'postgres',
      what: 'Heroku’s schema heroku_ext',
      becomes:
        'made on the target before the copy, with its extensions in it; the search path is set on the database',
      why: `${inside.length === 0 ? 'nothing lives there' : `${inside.join(', ')} live there`}; search path: ${searchPath ?? 'Postgres’s default'}`,
    }),
  ];
}

/** Compares as versions: 3.10 is newer than 3.9. */
function isOlder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((version) => (/^[\d.]+/.exec(version)?.[0] ?? '').split('.').map(Number));
  for (let part = 0; part < Math.max(a?.length ?? 0, b?.length ?? 0); part += 1) {
    const difference = (a?.[part] ?? 0) - (b?.[part] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
