import { savingOf, savingPercent } from '../../src/migration/cost.ts';
import { details, heading, list, paragraph, table, type Cell } from '../../src/report/summary.ts';
import type { Assessment } from './assessment.ts';
import { money } from './money.ts';
import { lineOf, totalCosts, type AppLine, type OtherApps } from './other-apps.ts';

/** A summary is read in two minutes, and GitHub cuts it at 1 MiB. */
const MOST_ROWS = 200;
const MOST_UNKNOWN = 50;

/** All apps of the pipeline or of migration.yml, a line each: verdict, what asks for a person, cost on both sides. */
export function pipelineTable(own: Assessment, others: OtherApps): string[] {
  const lines = others.assessments.map(lineOf);
  const { before, after } = totalCosts(own, others);
  const right = (title: string) => ({ title, align: 'right' as const });
  const count = lines.length + 1;
  const apps = count === 1 ? 'one app' : `${count} apps`;
  return [
    heading(
      others.pipeline === null ? `Looked at together: ${apps}` : `Pipeline ${others.pipeline}: ${apps}`,
      3,
    ),
    table(
      [
        'App',
        'Environment or stage',
        'Verdict',
        right('Blockers'),
        right('Decisions'),
        right('Heroku a month'),
        right('DigitalOcean a month'),
        right('Saving'),
      ],
      [
        row(lineOf(own)),
        ...lines.slice(0, MOST_ROWS).map(row),
        ...others.parked
          .slice(0, MOST_ROWS)
          .map((app): Cell[] => [app, '', 'has moved, or is about to', null, null, '', '', '']),
        [
          'Together',
          '',
          '',
          null,
          null,
          money(before),
          money(after),
          percentText(savingPercent(before, after)),
        ],
      ],
    ),
    paragraph(`Heroku ${money(before)}, DigitalOcean ${money(after)}: ${savingOf(before, after)}.`),
    ...(lines.length > MOST_ROWS
      ? [paragraph(`${lines.length - MOST_ROWS} more apps are in the record.`)]
      : []),
    ...briefly(own, others),
    ...notRead(others.unknown),
  ];
}

function row(line: AppLine): Cell[] {
  return [
    line.app,
    line.environment ?? line.stage ?? '',
    VERDICTS[line.verdict],
    line.blockers,
    line.decisions,
    money(line.before),
    money(line.after),
    percentText(line.savingPercent),
  ];
}

const VERDICTS: Record<AppLine['verdict'], string> = {
  ready: 'ready',
  'decisions-needed': 'decisions needed',
  blocked: 'blocked',
  parked: 'has moved, or is about to',
};

function percentText(percent: number | null): string {
  return percent === null ? 'not known' : `${percent} %`;
}

/** What is not known of the others because each was only looked at for a moment. */
function briefly({ plan }: Assessment, { assessments, reviewApps }: OtherApps): string[] {
  const review =
    reviewApps === 0
      ? ''
      : ` ${reviewApps === 1 ? 'One review app is' : `${reviewApps} review apps are`} not counted.`;
  if (assessments.length === 0) return review === '' ? [] : [paragraph(review.trim())];
  return [
    paragraph(
      `All but ${plan.herokuApp} were looked at briefly: of their databases only version, size, tables, extensions and ` +
        'connections, of Redis only version and memory. Not known of them: objects that stand in the way of a restore, other ' +
        'clients, activity, keys and jobs in Redis, the repository. One decision of each is to have it assessed by itself, and ' +
        `none is ready before.${review}`,
    ),
  ];
}

function notRead(unknown: readonly string[]): string[] {
  if (unknown.length === 0) return [];
  const more = unknown.length - MOST_UNKNOWN;
  return [
    details(
      `Not read of the other apps (${unknown.length})`,
      list([...unknown.slice(0, MOST_UNKNOWN), ...(more > 0 ? [`${more} more`] : [])]),
    ),
  ];
}
