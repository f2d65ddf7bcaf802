import { formatCount } from '../../src/report/format.ts';
import { details, escapeMarkdown, heading, list, raw, table } from '../../src/report/summary.ts';
import type { Verification } from './verify.ts';

/** Verdict first, then each check with what was seen. */
export function verifySummary(verification: Verification): string {
  const { figures, failures, explained, http, state } = verification;
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
    table(
      ['Check', 'Passed', 'Found', { title: 'ms', align: 'right' }],
      http.map(({ url, passed, found, milliseconds }) => [url, passed, found, milliseconds]),
    ),
    ...(explained.length === 0 ? [] : [details('Differences that the state explains', list(explained))]),
  ].join('\n\n');
}
