import { execFileSync } from 'node:child_process';
import { findPostgresTools } from '../../src/postgres/tools.ts';

/** A program of the tests: finds or installs the tools of the given major version and lets pg_dump say its own. */
const say = (line: string): void => console.log(line);
const log = {
  info: say,
  warning: say,
  debug: say,
  group: <T>(_title: string, body: () => Promise<T>) => body(),
};
const tools = await findPostgresTools(Number(process.argv[2]), { install: { log } });
say(execFileSync(tools.pgDump, ['--version'], { encoding: 'utf8' }));
