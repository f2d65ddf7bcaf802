import { costGroups, ofGroup, savingOf, savingPercent, type Cost } from '../../src/migration/cost.ts';
import {
  answeredIn,
  areas,
  blockersIn,
  undecidedIn,
  worthKnowingIn,
  type Item,
} from '../../src/migration/item.ts';
import type { Plan } from '../../src/migration/plan.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/report/format.ts';
import { bars, codeBlock, details, heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { Assessment } from './assessment.ts';
import type { SampledWeek } from './earlier-runs.ts';
import { firstRun } from './first-run.ts';
import type { OtherApps } from './other-apps.ts';
import { money } from './money.ts';
import { picture } from './picture.ts';
import { pipelineTable } from './pipeline-table.ts';
import { when } from './when.ts';

/**
 * What a reviewer reads in two minutes: verdict, blockers, decisions, cost, forecast; everything else is folded. A first
 * run begins with what it could not see and the next step, a pipeline with a line for each app.
 *
 * @param week from what earlier runs sampled
 * @param rehearsed what earlier rehearsals forecast, and how far off they were
 */
export function assessSummary(
  own: Assessment,
  others: OtherApps | undefined,
  week: SampledWeek,
  rehearsed: readonly string[] = [],
): string {
  const { plan, digest } = own;
  return [
    heading(`${plan.herokuApp} → DigitalOcean ${plan.region}: ${headline(plan)}`, 2),
    ...(own.proposed ? firstRun(own) : []),
    ...(others === undefined ? [] : pipelineTable(own, others)),
    ...blockers(plan),
    ...(own.proposed ? questions(plan) : decisions(plan)),
    ...cost(plan),
    ...forecast(plan.strategyChoice),
    ...rehearsed.map((line) => paragraph(line)),
    ...when(week),
    ...worthKnowing(plan),
    heading('What moves where', 3),
    picture(plan, own.inventory),
    details('Where each thing goes', places(own)),
    details(`Everything that was found (${plan.items.length})`, everything(plan.items)),
    details('Cost, line by line', costLines(plan)),
    details('The way on: next steps, and what each costs', roadmap(plan)),
    details('Inventory', inventoryTable(own)),
    `Plan digest: \`${digest}\`${own.proposed ? ' (of what is proposed: nobody has decided anything yet)' : ''}`,
  ].join('\n\n');
}

function headline({ verdict, items }: Plan): string {
  const open = undecidedIn(items).length;
  if (verdict === 'blocked') return `blocked (${blockersIn(items).length})`;
  if (verdict === 'decisions-needed') return open === 1 ? 'one decision needed' : `${open} decisions needed`;
  return 'ready';
}

/** There is no file to answer in yet, so the questions are folded. */
function questions({ items }: Plan): string[] {
  const open = undecidedIn(items);
  if (open.length === 0) return [];
  return [details(`Questions that migration.yml will answer (${open.length})`, questionsTable(open))];
}

/** As many are told in full at once; of more each is a line, and all of it is folded below: two minutes are some 500 words. */
const IN_FULL = 6;
const MOST_BLOCKERS = 10;
const MOST_DECISIONS = 20;

function blockers({ items }: Plan): string[] {
  const found = blockersIn(items);
  if (found.length === 0) return [];
  const all = table(
    ['What', 'Why', 'What to do'],
    found.map(({ what, why, remedy }) => [what, why, remedy]),
  );
  if (found.length <= IN_FULL) return [heading('Blockers', 3), all];
  return [
    heading('Blockers', 3),
    list(found.slice(0, MOST_BLOCKERS).map(({ what }) => what)),
    ...moreBelow(found.length - MOST_BLOCKERS),
    details(`All blockers: why, and what to do (${found.length})`, all),
  ];
}

/** The questions with what happens unless somebody answers; options, reasons and the lines for migration.yml are folded. */
function decisions({ items }: Plan): string[] {
  const open = undecidedIn(items);
  const answered = answeredIn(items);
  const done =
    answered.length === 0
      ? []
      : [
          details(
            `Decided in migration.yml (${answered.length})`,
            table(
              ['What', 'Question', 'Answer'],
              answered.map(({ what, question, becomes }) => [what, question, becomes]),
            ),
          ),
        ];
  if (open.length === 0) return done;
  return [
    heading('Decisions', 3),
    paragraph(
      'Answer under decisions in migration.yml. Until then the cutover of a protected environment is refused.',
    ),
    open.length <= IN_FULL
      ? table(
          ['What', 'Question', 'If nobody answers'],
          open.map(({ what, question, becomes }) => [what, question, becomes]),
        )
      : table(
          ['What', 'If nobody answers'],
          open.slice(0, MOST_DECISIONS).map(({ what, becomes }) => [what, becomes]),
        ),
    ...(open.length <= IN_FULL ? [] : moreBelow(open.length - MOST_DECISIONS)),
    details(`The questions, with options and reasons (${open.length})`, questionsTable(open)),
    details(
      'To copy into migration.yml',
      codeBlock(
        [
          'decisions:',
          ...open.map(
            ({ id, options }) =>
              `  ${JSON.stringify(id)}: ${yamlText(options[0] ?? '')} # ${options.join(' | ')}`,
          ),
        ].join('\n'),
        'yaml',
      ),
    ),
    ...done,
  ];
}

function questionsTable(open: readonly Item[]): string {
  return table(
    ['What', 'Question', 'Options', 'Why', 'Or do this'],
    open.map(({ what, question, options, why, remedy }) => [what, question, options.join(', '), why, remedy]),
  );
}

function moreBelow(count: number): string[] {
  return count > 0 ? [paragraph(`${count} more: all of them are folded below.`)] : [];
}

function yamlText(option: string): string {
  return /^[a-z][a-z0-9-]*$/.test(option) ? option : JSON.stringify(option);
}

const GROUPS = { processes: 'Processes', postgres: 'Postgres', redis: 'Redis', 'add-ons': 'Other add-ons' };

function cost({ costs }: Plan): string[] {
  const { before, after } = costs;
  const right = (title: string) => ({ title, align: 'right' as const });
  const row = (title: string, one: Cost, other: Cost) => [
    title,
    money(one),
    money(other),
    percent(one, other),
  ];
  return [
    heading('Cost a month', 3),
    bars('US dollars a month', 'USD', [
      { label: 'Heroku', value: before.usdPerMonth },
      { label: 'DigitalOcean', value: after.usdPerMonth },
    ]),
    `Heroku ${money(before)}, DigitalOcean ${money(after)}: ${savingOf(before, after)}.`,
    table(
      ['', right('Heroku'), right('DigitalOcean'), right('Saving')],
      [
        ...costGroups
          .map((group) => ({ group, one: ofGroup(before, group), other: ofGroup(after, group) }))
          .filter(({ one, other }) => one.lines.length + other.lines.length > 0)
          .map(({ group, one, other }) => row(GROUPS[group], one, other)),
        row('Together', before, after),
      ],
    ),
    details('What the comparison does not know', list(costs.notKnown)),
  ];
}

function percent(before: Cost, after: Cost): string {
  const saving = savingPercent(before, after);
  return saving === null ? (before.complete && after.complete ? '' : 'not known') : `${saving} %`;
}

/** Both strategies side by side, which part of the window is the longest and what would shorten it. */
function forecast({ strategy, why, forecasts, arithmetic }: Plan['strategyChoice']): string[] {
  if (forecasts === null) return [];
  const right = (title: string) => ({ title, align: 'right' as const });
  const { dominant } = forecasts[strategy];
  return [
    heading(`Strategy: ${strategy}`, 3),
    paragraph(why),
    table(
      [
        'Downtime with',
        right('At least'),
        right('Expected'),
        right('At most'),
        right('With the copy before it'),
        'Fits the budget',
        'Taken',
      ],
      (['window', 'live'] as const).map((name) => [
        name,
        formatDuration(forecasts[name].low),
        formatDuration(forecasts[name].expected),
        formatDuration(forecasts[name].high),
        `${formatDuration(forecasts[name].total.expected)}, at most ${formatDuration(forecasts[name].total.high)}`,
        forecasts[name].fits,
        name === strategy,
      ]),
    ),
    paragraph(
      `The longest part is "${dominant.name}", ${Math.round(dominant.share * 100)} % of what is expected. ${dominant.shorten}`,
    ),
    details('The arithmetic', list(arithmetic)),
  ];
}

function worthKnowing({ items }: Plan): string[] {
  const found = worthKnowingIn(items);
  if (found.length === 0) return [];
  const body = table(
    ['What', 'Becomes', 'Why', 'What to do'],
    found.map(({ what, becomes, why, remedy }) => [what, becomes, why, remedy]),
  );
  return [details(`Worth knowing (${found.length})`, body)];
}

const KINDS = {
  service: 'App Platform service',
  worker: 'App Platform worker, waits for the switch',
  release: 'App Platform job before each deployment',
  scheduled: 'App Platform scheduled job',
};

function places({ plan, database, redis }: Assessment): string {
  const usd = (price: number | null): string => (price === null ? 'unknown' : price.toFixed(2));
  return table(
    ['On Heroku', 'On DigitalOcean', 'Size', { title: 'USD a month', align: 'right' }, 'Why'],
    [
      ...plan.components.map(({ name, kind, from, instanceSize, count, usdPerMonth, why }) => [
        `${name} (${from})`,
        KINDS[kind],
        `${count} × ${instanceSize}`,
        usd(usdPerMonth),
        why,
      ]),
      ...(plan.cluster === null
        ? []
        : [
            [
              databaseText(database),
              `PostgreSQL ${plan.cluster.version}`,
              `${plan.cluster.nodes} × ${plan.cluster.size}`,
              usd(plan.cluster.usdPerMonth),
              plan.cluster.why,
            ],
          ]),
      ...(plan.redis === null
        ? []
        : [
            [
              redisText(redis),
              'Redis on a droplet',
              plan.redis.size,
              usd(plan.redis.usdPerMonth),
              plan.redis.why,
            ],
          ]),
      ...plan.leftOut.map(({ process, why }) => [process, 'left out', '', '', why]),
    ],
  );
}

function everything(items: readonly Item[]): string {
  return areas
    .map((area) => items.filter((item) => item.area === area))
    .filter((found) => found.length > 0)
    .map((found) =>
      table(
        [found[0]?.area ?? '', 'Verdict', 'Becomes', 'Why'],
        found.map(({ what, verdict, becomes, why }) => [what, verdict, becomes, why]),
      ),
    )
    .join('\n');
}

function costLines({ costs }: Plan): string {
  const lines = ({ lines: found }: Cost): string =>
    table(
      ['What', { title: 'USD a month', align: 'right' }, 'From'],
      found.map(({ what, usd, atLeast, note }) => [
        what,
        usd === null ? 'unknown' : `${atLeast ? 'from ' : ''}${usd.toFixed(2)}`,
        note,
      ]),
    );
  return [heading('Heroku', 4), lines(costs.before), heading('DigitalOcean', 4), lines(costs.after)].join(
    '\n\n',
  );
}

function roadmap({ roadmap: { steps, open } }: Plan): string {
  return [
    table(
      ['Step', 'What stands then', { title: 'USD a month', align: 'right' }, 'When it pays'],
      steps.map(({ name, what, usdPerMonth, pays }) => [
        name,
        what,
        usdPerMonth === null ? 'unknown' : usdPerMonth.toFixed(2),
        pays,
      ]),
    ),
    paragraph('What in this plan keeps the way on open:'),
    list(open),
  ].join('\n');
}

function inventoryTable({ plan, inventory, database }: Assessment): string {
  return table(
    ['What', 'Found'],
    [
      ['Stack', inventory.app.stack],
      ['Region', inventory.app.region],
      ['Buildpacks', inventory.buildpacks.join(', ')],
      ['Add-ons', inventory.addOns.map(({ plan: name }) => name).join(', ')],
      ['Config vars', `${plan.variables.length}, by name under everything that was found`],
      ['Domains', inventory.domains.map(({ hostname }) => hostname).join(', ')],
      ['Features', inventory.features.join(', ')],
      ['Log drains', inventory.drains.map(({ host }) => host).join(', ')],
      ['Pipeline stage', inventory.pipeline?.stage ?? 'none'],
      ['Extensions', database?.extensions.map(({ name, version }) => `${name} ${version}`).join(', ') ?? ''],
    ],
  );
}

function databaseText(database: DatabaseFacts | undefined): string {
  if (database === undefined) return 'Heroku Postgres (not read)';
  const tables = `${formatCount(database.tables.length)} tables`;
  return `Heroku Postgres ${database.serverVersion}, ${formatBytes(database.sizeBytes)}, ${tables}`;
}

function redisText(redis: RedisFacts | undefined): string {
  if (redis === undefined) return 'Heroku Redis (not read)';
  const keys = Object.values(redis.keys).reduce((sum, count) => sum + count, 0);
  return `Heroku ${redis.flavour} ${redis.version}, ${formatBytes(redis.usedMemoryBytes)}, ${formatCount(keys)} keys`;
}
