import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { frontDoorProgramText } from './front-door-program.ts';
import { generatedDocuments, staleOf } from './generated-documents.ts';

/**
 * Writes what is made from code: the tables in the actions' READMEs (from `action.yml`), `migration.schema.json`, and
 * the forwarder's program as the actions' bundles carry it.
 * `--check` changes nothing and fails when something is stale.
 */
const root = join(import.meta.dirname, '..');
const stale = staleOf([...(await generatedDocuments(root)), await frontDoorProgramText(root)]);
if (process.argv.includes('--check')) {
  for (const { path } of stale) console.error(`Stale: ${path}`);
  if (stale.length > 0) console.error('Run "npm run docs" and commit what it writes.');
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const { path, expected } of stale) {
    writeFileSync(join(root, path), expected);
    console.log(`Wrote ${path}`);
  }
}
