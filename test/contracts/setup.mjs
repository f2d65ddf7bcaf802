import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** All played platforms of this run, also those in processes of their own, note here what is asked of them. */
export default function setUp() {
  process.env.REHEARSAL_ASKED = join(mkdtempSync(join(tmpdir(), 'asked-')), 'asked.jsonl');
}
