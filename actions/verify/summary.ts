import { CHECK_AREAS, type Check, type CheckArea } from '../../src/checks/result.ts';
import { formatCount } from '../../src/report/format.ts';
import { details, escapeMarkdown, heading, list, raw, table } from '../../src/report/summary.ts';
import type { Verification } from './verify.ts';

const TITLES: Record<CheckArea, string> = {
  function: 'Function',
  compare: 'Old and new side compared',
  data: 'Data',
  capacity: 'Capacity',
  jobs: 'Jobs',
  configuration: 'Configuration',
  'third-parties': 'Third parties',
  security: 'Security',
  cost: 'Cost',
  'way-back': 'The way back',
};
const STATES: Record<Check['state'], string> = { passed: '✓', failed: '✗', told: 'for you to judge' };

/** Verdict first, then each check with what was seen. */
export function verifySummary(verification: Verification): string {
  const { figures, failures, explained, http, state, checks } = verification;
  return [
    heading(failures.length === 0 ? 'The new side is as it must be' : `${failures.length} findings`, 2),
    state === 'moved'
      ? 'DigitalOcean serves; Heroku is fenced. Rows written since the switch differ, and no row of Heroku may be missing.'
      : 'Heroku serves; the practice copy is as old as it is, and rows written since differ. The proof is made inside the fence.',
    list(failures.map((line) => raw(`**${escapeMarkdown(line)}**`))),
    table(
      ['Compared by content', { title: 'Compared', align: 'right' }, { title: 'Different', align: 'right' }],
      [
        [
          `Rows of ${figures.tables} tables`,
          formatCount(figures.rows.compared),
          formatCount(figures.rows.different),
        ],
        ['Redis keys', formatCount(figures.keys.compared), formatCount(figures.keys.different)],
      ],
    ),
    toJudge(checks),
    ...byArea(checks),
    details(
      'Under every name',
      table(
        ['Check', 'Passed', 'Found', { title: 'ms', align: 'right' }],
        http.map(({ url, passed, found, milliseconds }) => [url, passed, found, milliseconds]),
      ),
    ),
    ...(explained.length === 0 ? [] : [details('Differences that the state explains', list(explained))]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Of `command: compare`. */
export function compareSummary(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'failed').length;
  return [
    heading(
      failed === 0 ? 'The new side answers as the old one' : `${failed} findings before the cutover`,
      2,
    ),
    toJudge(checks),
    ...byArea(checks),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Of `command: watch`. */
export function watchSummary(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'failed').length;
  return [
    heading(failed === 0 ? 'The way back to Heroku is open' : 'The way back to Heroku is closing', 2),
    checkTable(checks),
  ].join('\n\n');
}

/** What nobody but a person can tell, as a list to work off. */
function toJudge(checks: readonly Check[]): string {
  const told = checks.filter(({ state, remedy }) => state === 'told' && remedy !== undefined);
  if (told.length === 0) return '';
  return [
    heading('For you to look at', 3),
    list(told.map(({ what, found, remedy }) => `${what}: ${found}. ${remedy ?? ''}`)),
  ].join('\n\n');
}

function byArea(checks: readonly Check[]): string[] {
  return CHECK_AREAS.flatMap((area) => {
    const own = checks.filter((check) => check.area === area);
    if (own.length === 0) return [];
    const failed = own.filter(({ state }) => state === 'failed').length;
    const title = `${TITLES[area]}: ${own.length} checks${failed === 0 ? '' : `, ${failed} failed`}`;
    return [failed === 0 ? details(title, checkTable(own)) : `${heading(title, 3)}\n\n${checkTable(own)}`];
  });
}

function checkTable(checks: readonly Check[]): string {
  return table(
    ['', 'What must be true', 'Seen', 'What to do'],
    checks.map(({ state, what, found, remedy }) => [STATES[state], what, found, remedy ?? '']),
  );
}
