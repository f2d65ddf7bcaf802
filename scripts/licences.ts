import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a bundle may be made of: licences that ask for no more than their own text beside it. */
export const ACCEPTED_LICENCES = ['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0'];

export interface BundledPackage {
  name: string;
  licence: string;
  text: string;
}

interface Manifest {
  license?: string;
  author?: string | { name: string };
  repository?: string | { url: string };
}

/**
 * The packages in ncc's notes of a bundle's chunks, each of which has notes of its own: a name, its licence and the text on
 * the lines after each other. `licenceOf` tells the licence of an installed package, undefined of a line that is none.
 */
export function packagesIn(
  notes: readonly string[],
  licenceOf: (name: string) => string | undefined,
): BundledPackage[] {
  const found = new Map<string, BundledPackage>();
  for (const lines of notes.map((text) => text.split('\n'))) {
    const begins = (index: number): boolean => {
      const licence = licenceOf(lines[index] ?? '');
      return licence !== undefined && lines[index + 1] === licence;
    };
    const starts = lines.flatMap((_line, index) => (begins(index) ? [index] : []));
    for (const [place, start] of starts.entries()) {
      const name = lines[start] ?? '';
      const text = lines
        .slice(start + 2, starts[place + 1])
        .join('\n')
        .trim();
      found.set(name, { name, licence: lines[start + 1] ?? '', text });
    }
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * The notes that lie beside a bundle: every package that is in it, with the text of its licence. Some packages bring no
 * file with that: then it is in their README, or in the other packages of the same repository, where it stands with their
 * author's name. Throws for one whose text is nowhere, and for a licence that asks for more than its text.
 */
export function licenceNotes(packages: readonly BundledPackage[], modules: string): string {
  const entries = packages.map(({ name, licence, text }) => {
    if (!ACCEPTED_LICENCES.includes(licence))
      throw new Error(`${name} is under ${licence}: whether it may be bundled is to be decided first.`);
    const whole = text === '' ? textElsewhere(name, licence, packages, modules) : text;
    return `${name}\n${licence}\n\n${whole}\n`;
  });
  return entries.join('\n\n');
}

function textElsewhere(
  name: string,
  licence: string,
  packages: readonly BundledPackage[],
  modules: string,
): string {
  const own = readManifest(modules, name);
  const readme = globSync(join(modules, name, '[Rr][Ee][Aa][Dd][Mm][Ee]*')).map((file) =>
    readFileSync(file, 'utf8'),
  );
  const section = readme.map(licenceSection).find((text) => text !== undefined);
  if (section !== undefined) return section;
  const sibling = packages.find(
    (other) =>
      other.licence === licence &&
      other.text !== '' &&
      repositoryOf(readManifest(modules, other.name)) === repositoryOf(own),
  );
  const author = typeof own.author === 'object' ? own.author.name : own.author;
  if (sibling === undefined || repositoryOf(own) === '' || author === undefined)
    throw new Error(`No text of the licence of ${name} (${licence}) is found: neither in it nor beside it.`);
  return `By ${author}. The text as in ${sibling.name}, of the same repository:\n\n${sibling.text}`;
}

/** What a README says below its heading about the licence, where it is more than the licence's name. */
export function licenceSection(readme: string): string | undefined {
  const heading = /^(?:#+ *licen[sc]e\b.*|licen[sc]e *\n-+) *\n/im.exec(readme);
  if (heading === null) return undefined;
  const rest = readme.slice(heading.index + heading[0].length).split(/^#+ /m)[0] ?? '';
  const text = rest.replaceAll(/^\[[^\]]+\]: .*$/gm, '').trim();
  return /copyright/i.test(text) && /permission/i.test(text) ? text : undefined;
}

function readManifest(modules: string, name: string): Manifest {
  return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as Manifest;
}

function repositoryOf({ repository = '' }: Manifest): string {
  return (typeof repository === 'string' ? repository : repository.url).replace(/^git\+|\.git$/g, '');
}
