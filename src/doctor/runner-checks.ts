import { missing, ok, unknown, wanting, type Check } from './check.ts';

/** Whether this machine can reach one app's database, and what version that has. */
export interface DatabaseSeen {
  app: string;
  /** Major version of PostgreSQL; undefined when it could not be reached, and `why` says so. */
  major: number | undefined;
  why: string;
}

export interface RunnerFacts {
  databases: DatabaseSeen[];
  /** Major version of the client programs that fit; undefined when none here does, and `why` says so. */
  tools: { major: number | undefined; why: string };
  /** Whether a phase may install what is missing. */
  installs: boolean;
  /** For files of this job; undefined when the system does not tell. */
  freeBytes: number | undefined;
}

/** The schema's archive and the record: data goes from one server to the other, never over this disk. */
const ENOUGH_BYTES = 1024 ** 3;

export function runnerChecks({ databases, tools, installs, freeBytes }: RunnerFacts): Check[] {
  return [
    ...databases.map(databaseCheck),
    toolsCheck(databases, tools, installs),
    freeBytes === undefined
      ? unknown('Runner', 'Disk', 'how much is free could not be read', '')
      : diskCheck(freeBytes),
  ];
}

function databaseCheck({ app, major, why }: DatabaseSeen): Check {
  const what = `Database of ${app} reached`;
  if (major !== undefined) return ok('Runner', what, `PostgreSQL ${major}`);
  return missing(
    'Runner',
    what,
    why,
    'A database in a Private Space takes a runner inside it; otherwise mend what the message names',
  );
}

function toolsCheck(
  databases: readonly DatabaseSeen[],
  { major, why }: RunnerFacts['tools'],
  installs: boolean,
): Check {
  const what = 'pg_dump, pg_restore and psql';
  const newest = Math.max(0, ...databases.map((database) => database.major ?? 0));
  if (newest === 0) {
    return unknown(
      'Runner',
      what,
      major === undefined ? why : `PostgreSQL ${major}; how new they must be is not known without a database`,
      '`sudo apt-get install -y postgresql-client-18` fits every version that Heroku offers',
    );
  }
  if (major !== undefined) return ok('Runner', what, `PostgreSQL ${major}, for a database of ${newest}`);
  return installs
    ? ok(
        'Runner',
        what,
        `not here for a database of ${newest}; the workflows and phases install them on a hosted runner`,
      )
    : missing('Runner', what, why, `\`sudo apt-get install -y postgresql-client-${newest}\``);
}

function diskCheck(freeBytes: number): Check {
  const seen = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free; data never goes over it`;
  return freeBytes >= ENOUGH_BYTES
    ? ok('Runner', 'Disk', seen)
    : wanting('Runner', 'Disk', seen, 'Make room, or take a larger runner: building the image takes more');
}
