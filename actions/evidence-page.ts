import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { evidenceOf } from '../src/report/evidence/evidence.ts';
import { evidencePage } from '../src/report/evidence/html.ts';
import { evidenceSummary } from '../src/report/evidence/markdown.ts';
import { messageOf } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import type { Subject } from './subject.ts';

/** Beside the record, so that whoever keeps one keeps the other. */
const NAME = 'migration-evidence.html';

/**
 * Draws the evidence from the record as it stands now, and writes it beside it. Returns where it is, and the same facts
 * for the step summary, `without` the sections that the caller tells in its own words.
 */
export async function writeEvidence(
  { record, recordPath }: Pick<Subject, 'record' | 'recordPath'>,
  options: { without?: readonly string[] } = {},
): Promise<{ path: string; summary: string }> {
  const evidence = evidenceOf(record);
  const path = join(dirname(recordPath), NAME);
  await writeFile(path, evidencePage(evidence));
  return { path, summary: evidenceSummary(evidence, options.without) };
}

/** The same for a phase that has changed something: that it is done must not fail because it could not be drawn. */
export async function keepEvidence(edge: Edge, subject: Subject): Promise<void> {
  try {
    edge.setOutput('evidence', (await writeEvidence(subject)).path);
  } catch (error) {
    edge.log.warning(
      `The evidence could not be drawn: ${messageOf(error)} The migration record holds all of it.`,
    );
  }
}
