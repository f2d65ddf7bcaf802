import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Asked } from '../../rehearsal/asked.ts';

/** An endpoint that our clients ask, and the scope that a token needs for it. */
export type Endpoint = Pick<Asked, 'platform' | 'dialect' | 'method' | 'path' | 'scope'>;

const document = join(import.meta.dirname, '../../docs/endpoints.md');

/** Headings of the document by platform and dialect, in its order. */
const CHAPTERS = new Map([
  ['heroku platform', 'Heroku: Platform API'],
  ['heroku data', 'Heroku: data API (used by its CLI, not documented)'],
  ['heroku dashboard', 'Heroku: what its dashboards ask (not documented)'],
  ['heroku open', 'Heroku: addresses that are their own secret'],
  ['digitalocean v2', 'DigitalOcean: API v2'],
]);

const INTRODUCTION = `# Endpoints and scopes

What the actions ask of Heroku and of DigitalOcean, and the scope that a token needs for each. This list is not written by
hand: the played platforms of the tests note every request that our clients send, the tests fail at one that does not stand
here, and \`WRITE_ENDPOINTS=1 npm test\` adds it. Where the official API descriptions lie beside the project every one of
these requests, and every answer of the played platforms, is held against them too. Which action needs which scope stands
in the README of each action.
`;

/** What the document lists. */
export function listedEndpoints(): Endpoint[] {
  let chapter = '';
  return readFileSync(document, 'utf8')
    .split('\n')
    .flatMap((line): Endpoint[] => {
      const heading = /^## (.+)/.exec(line)?.[1];
      if (heading !== undefined) chapter = [...CHAPTERS].find(([, words]) => words === heading)?.[0] ?? '';
      const [, method, path, scope] = /^\| `([A-Z]+) (\S+)` +\| `(\S+)` +\|$/.exec(line) ?? [];
      if (method === undefined || path === undefined || scope === undefined) return [];
      const [platform = '', dialect = ''] = chapter.split(' ');
      return [{ platform: platform as Asked['platform'], dialect, method, path, scope }];
    });
}

/** Writes the document anew. */
export function writeEndpoints(endpoints: readonly Endpoint[]): void {
  const chapters = [...CHAPTERS].map(([key, heading]) => {
    const rows = endpoints
      .filter(({ platform, dialect }) => `${platform} ${dialect}` === key)
      .map(({ method, path, scope }) => [`\`${method} ${path}\``, `\`${scope}\``] as const)
      .sort(([one], [other]) => order(one).localeCompare(order(other)));
    if (rows.length === 0) return '';
    const head = ['Endpoint', 'Scope'] as const;
    const width = (column: 0 | 1): number => Math.max(...[head, ...rows].map((row) => row[column].length));
    const line = (one: string, other: string): string =>
      `| ${one.padEnd(width(0))} | ${other.padEnd(width(1))} |\n`;
    const ruler = `| ${'-'.repeat(width(0))} | ${'-'.repeat(width(1))} |\n`;
    return `\n## ${heading}\n\n${line(...head)}${ruler}${rows.map((row) => line(...row)).join('')}`;
  });
  writeFileSync(document, `${INTRODUCTION}${chapters.join('')}`);
}

/** By path, then by method. */
function order(endpoint: string): string {
  return endpoint.replace(/^`(\S+) (.*)`$/, '$2 $1');
}

/** For comparing. */
export function keyOf({ platform, dialect, method, path, scope }: Endpoint): string {
  return [platform, dialect, method, path, scope].join(' ');
}
