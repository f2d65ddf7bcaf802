import { problemsIn, type Check } from '../../src/doctor/check.ts';
import { HOURS_TO_A_MONTHS_PRICE, type RehearsalCost } from '../../src/doctor/rehearsal-cost.ts';
import { escapeHtml, escapeMarkdown } from '../../src/report/escape.ts';
import { details, heading, paragraph, raw, table, type RawMarkdown } from '../../src/report/summary.ts';

/** The verdict and the next step, what is not well with what mends it, what a rehearsal costs; what is well is folded. */
export function doctorSummary(
  checks: readonly Check[],
  next: string,
  cost: RehearsalCost | undefined,
): string {
  const problems = problemsIn(checks);
  const open = checks.filter((check) => check.state !== 'ok' && !problems.includes(check));
  const well = checks.filter(({ state }) => state === 'ok');
  return [
    heading(
      problems.length === 0
        ? 'Doctor: healthy'
        : `Doctor: ${problems.length === 1 ? 'one problem' : `${problems.length} problems`}`,
      2,
    ),
    paragraph(withCommands(`Next: ${next}`)),
    ...(problems.length === 0 ? [] : [heading('Missing', 3), toMend(problems)]),
    ...(open.length === 0
      ? []
      : [
          heading('Not seen, or could be better', 3),
          paragraph('None of these makes a phase refuse. What is unknown was not taken for a yes.'),
          toMend(open),
        ]),
    ...rehearsal(cost),
    details(
      `Well (${well.length})`,
      table(
        ['Where', 'Check', 'State', 'What was seen'],
        well.map(({ area, what, state, seen }) => [area, what, state, seen]),
      ),
    ),
  ].join('\n\n');
}

function toMend(checks: readonly Check[]): string {
  return table(
    ['Where', 'Check', 'State', 'What was seen', 'What mends it'],
    checks.map(({ area, what, state, seen, mend }) => [
      area,
      what,
      state,
      withCommands(seen),
      withLinks(mend),
    ]),
  );
}

function rehearsal(cost: RehearsalCost | undefined): string[] {
  const title = heading('What a rehearsal costs', 3);
  if (cost === undefined) {
    return [
      title,
      paragraph(
        'Not known: it takes a Heroku token, and an app in migration.yml or in the input heroku-app.',
      ),
    ];
  }
  const { environment, lines, usdPerHour, usdPerMonth, complete } = cost;
  const from = complete ? '' : 'at least ';
  return [
    title,
    paragraph(
      `What a rehearsal of ${environment} creates costs ${from}$${usdPerHour.toFixed(3)} an hour while it stands, ` +
        `${from}$${(usdPerHour * 24).toFixed(2)} a day and ${from}$${usdPerMonth.toFixed(2)} a month. ` +
        `DigitalOcean bills by time, and an hour is never more than 1/${HOURS_TO_A_MONTHS_PRICE} of a month's price. ` +
        'Sizes follow the plans on Heroku; assess, which looks at their use, may choose larger ones.',
    ),
    details(
      'Line by line',
      table(
        ['What', { title: 'USD a month', align: 'right' }, { title: 'USD an hour', align: 'right' }, 'From'],
        lines.map(({ what, usd, atLeast, note }) => [
          what,
          usd === null ? 'unknown' : `${atLeast ? 'from ' : ''}${usd.toFixed(2)}`,
          usd === null ? 'unknown' : (usd / HOURS_TO_A_MONTHS_PRICE).toFixed(4),
          note,
        ]),
      ),
    ),
  ];
}

/** Text with commands between backticks, as a table shows it: to be copied. */
function withCommands(text: string, plain: (part: string) => string = escapeMarkdown): RawMarkdown {
  return raw(
    text
      .split('`')
      .map((part, index) =>
        index % 2 === 0 ? plain(part) : `<code>${escapeHtml(part).replaceAll('|', '&#124;')}</code>`,
      )
      .join(''),
  );
}

/** As `withCommands`, and addresses can be followed: for sentences of our own, never for what came from outside. */
function withLinks(text: string): RawMarkdown {
  return withCommands(text, (part) =>
    part
      .split(/(https:\/\/[\w./-]*[\w/])/)
      .map((piece, index) =>
        index % 2 === 0 ? escapeMarkdown(piece) : `[${escapeMarkdown(piece.slice(8))}](${piece})`,
      )
      .join(''),
  );
}
