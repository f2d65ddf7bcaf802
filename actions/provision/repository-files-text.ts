import type { LeftOut, ProposalOutcome } from '../../src/github/pull-request.ts';
import {
  codeBlock,
  details,
  escapeMarkdown,
  heading,
  list,
  paragraph,
  raw,
  table,
} from '../../src/report/summary.ts';
import type { RepositoryFiles } from '../../src/repository-files/repository-files.ts';

export const OUTCOMES: Readonly<Record<ProposalOutcome, string>> = {
  opened: 'opened',
  updated: 'brought up to date',
  unchanged: 'up to date; nothing was changed',
  merged: 'merged, and there is nothing new to propose',
  closed: 'closed by a person, so it is not opened again; reopen it to have it brought up to date',
  'not-opened': 'the branch is there, and jobs of this repository may not open pull requests',
  nothing: 'nothing to propose: every file is there',
};

/** The text of the pull request: each file, what to do with it, and what is left out. */
export function filesBody(o: { made: RepositoryFiles; left: LeftOut; runUrl: string }): string {
  const { made, left } = o;
  const untouched = new Set(left.untouched.map(({ path }) => path));
  return [
    paragraph(
      raw(
        `What the application needs to run on App Platform, from what was found at Heroku and in this repository: [the run](${o.runUrl}). ` +
          'Merging it changes nothing on Heroku: its buildpacks read none of these files, and nothing is scheduled where the variable `H2D_SCHEDULE` is not set, which is on the new side only.',
      ),
    ),
    table(
      ['File', 'What it is for'],
      made.files.filter(({ path }) => !untouched.has(path)).map(({ path, why }) => [raw(`\`${path}\``), why]),
    ),
    ...(made.checks.length === 0
      ? []
      : [heading('What to do', 3), ...made.checks.map((line) => `- [ ] ${sentence(line)}\n`)]),
    paragraph('Correct what is wrong here, in this branch: a later run does not touch what you have edited.'),
    ...(left.untouched.length === 0
      ? []
      : [heading('Left as they are', 3), list(left.untouched.map(({ path, why }) => `${path}: ${why}`))]),
    ...(made.told.length === 0 ? [] : [heading('Not proposed', 3), list(made.told)]),
    ...made.snippets.map(({ title, language, text }) => details(title, codeBlock(text, language))),
  ].join('\n');
}

/** Our own words with `code` in them; what stands between the marks came from outside and is kept as it is. */
function sentence(text: string): string {
  const parts = text.split('`');
  return parts
    .map((part, index) =>
      index % 2 === 1 && index < parts.length - 1 ? `\`${part}\`` : escapeMarkdown(part),
    )
    .join('');
}
