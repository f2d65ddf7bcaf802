import type { LeftOut, ProposalOutcome, ProposalResult } from '../../src/github/pull-request.ts';
import { codeBlock, details, heading, list, paragraph, raw, table } from '../../src/report/summary.ts';
import type { Assessment } from './assessment.ts';
import type { Proposal } from './proposal.ts';

/** The setting that lets jobs open pull requests. */
export const PULLS_SETTING =
  'tick "Allow GitHub Actions to create and approve pull requests" under Settings → Actions → General → Workflow permissions (of the organization first, if it is greyed out)';

/** The text of the pull request. */
export function initBody(o: {
  proposal: Proposal;
  left: LeftOut;
  assessments: readonly Assessment[];
  runUrl: string;
}): string {
  const { proposal, left } = o;
  return [
    paragraph(
      raw(
        `Proposed from what assess found at Heroku: [the run](${o.runUrl}). Merging it moves nothing; every workflow waits for a person to start it.`,
      ),
    ),
    table(
      ['Environment', 'Heroku app', 'Verdict', 'Looked at'],
      o.assessments.map(({ environment, inventory, plan, depth }) => [
        environment.name,
        inventory.app.name,
        plan.verdict,
        depth === 'full' ? 'in full' : 'briefly',
      ]),
    ),
    heading('What to do', 3),
    list([
      ...(proposal.comments.length === 0
        ? []
        : [raw('Answer the questions: they stand on the lines of migration.yml, or below.')]),
      raw('Correct what is wrong here, in this branch. A later run does not touch what you have edited.'),
      raw(
        'Merge, then run assess with `doctor: true`: it says which environments and secrets are still missing.',
      ),
    ]),
    ...(left.unplaced.length === 0
      ? []
      : [heading('Open questions', 3), ...left.unplaced.map(({ body }) => checklistItem(body))]),
    ...(left.untouched.length === 0
      ? []
      : [heading('Left as they are', 3), list(left.untouched.map(({ path, why }) => `${path}: ${why}`))]),
    ...(proposal.missing.length === 0 ? [] : [heading('Not proposed', 3), list(proposal.missing)]),
    ...refusedPart(proposal, left),
  ].join('\n');
}

/** What became of it, for the summary of the run. */
export function initSummary({ proposal, result }: { proposal: Proposal; result: ProposalResult }): string {
  const { outcome, url, untouched, refused } = result;
  return [
    heading('Proposed files', 2),
    paragraph(
      raw(
        `${WORDS[outcome]}${url === undefined ? '' : `: [${outcome === 'not-opened' ? 'open it' : 'the pull request'}](${url})`}.`,
      ),
    ),
    list([
      ...untouched.map(({ path, why }) => `${path} is left as it is: ${why}`),
      ...refused.map((path) => `${path} is not written: the token may not write workflows`),
      ...proposal.missing,
    ]),
  ].join('\n');
}

const WORDS: Record<ProposalOutcome, string> = {
  opened: 'A pull request was opened',
  updated: 'The pull request was brought up to date',
  unchanged: 'The pull request is up to date; nothing was changed',
  merged: 'It was merged, and there is nothing new to propose',
  closed:
    'It was closed by a person, so nothing was proposed again. To have it updated, reopen it and run this once more',
  'not-opened': `The branch is there, but jobs may not open pull requests: ${PULLS_SETTING}`,
  nothing: 'There is nothing to propose: every file is there',
};

function refusedPart({ files }: Proposal, { refused }: LeftOut): string[] {
  const texts = files.filter(({ path }) => refused.includes(path));
  if (texts.length === 0) return [];
  return [
    heading('Workflows to add by hand', 3),
    paragraph(
      raw(
        "A job's own token may never write workflows. Add these files yourself, or give the input `github-token` a token of an app or a person with the permission `workflows` and run this again.",
      ),
    ),
    ...texts.map(({ path, content }) => details(path, codeBlock(content, 'yaml'))),
  ];
}

/** The first paragraph beside the box, the rest below it. */
function checklistItem(body: string): string {
  const [first = '', ...rest] = body.trim().split('\n');
  return [`- [ ] ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`)), ''].join('\n');
}
