import { messageOf } from '../../src/errors.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import { closeIssue, openIssue, type IssueText, type ToldInIssue } from '../../src/github/rehearsal-issue.ts';
import type { Edge } from '../../src/github/run.ts';
import { link, list, paragraph, raw } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import type { Rehearsed } from './rehearsal.ts';
import { comparisons, verdictOf } from './summary.ts';

/**
 * One issue for each depth of an environment, open for as long as its rehearsals do not pass. That it could not be kept is
 * told as a warning: a rehearsal passes or fails by itself, and the run is red either way when it failed.
 */
export async function keepIssue(edge: Edge, subject: Subject, rehearsed: Rehearsed): Promise<ToldInIssue> {
  const { repository, apiUrl, runUrl } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  if (repository === '' || token === undefined) {
    edge.log.warning(
      'No issue is kept: this is no run of GitHub Actions, or the input github-token is empty.',
    );
    return { change: 'none', url: null };
  }
  const { clock, signal } = edge;
  const client = createRepositoryClient({ repository, apiUrl, token, clock, signal });
  const about = `${subject.config.application}-${subject.environment.name} ${rehearsed.depth}`;
  try {
    switch (rehearsed.outcome) {
      // It says nothing about whether the next one would pass.
      case 'nothing-to-do':
        return { change: 'none', url: null };
      case 'passed':
        return await closeIssue(client, about, link('Green again', runUrl).raw);
      default:
        return await openIssue(client, about, issueText(subject, rehearsed, runUrl));
    }
  } catch (error) {
    signal.throwIfAborted();
    edge.log.warning(
      `The issue about this rehearsal could not be kept: ${messageOf(error)} ` +
        'Give the job `permissions: issues: write`, and let the repository have issues (Settings → Features).',
    );
    return { change: 'none', url: null };
  }
}

function issueText(subject: Subject, rehearsed: Rehearsed, runUrl: string): IssueText {
  const { application } = subject.config;
  const { name } = subject.environment;
  return {
    title: `Rehearsal (${rehearsed.depth}) of ${application} ${name}: ${TITLES[rehearsed.outcome]}`,
    body: [
      paragraph(verdictOf(rehearsed)),
      list(rehearsed.reasons.slice(0, 20)),
      ...comparisons(rehearsed).map((line) => paragraph(line)),
      paragraph(raw(`${link('The run', runUrl).raw} keeps its record and its evidence.`)),
      paragraph(
        'The gate of a protected environment asks for rehearsals that passed (docs/rehearsals.md). This issue is brought up to date by each that does not pass, and closed by the next one that does.',
      ),
    ].join('\n'),
  };
}

const TITLES: Record<Rehearsed['outcome'], string> = {
  passed: 'passed',
  'nothing-to-do': 'nothing to do',
  failed: 'did not pass',
  'over-budget': 'exceeds the downtime budget',
};
