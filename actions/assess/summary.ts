import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { savingOf, type Cost } from '../../src/migration/cost.ts';
import type { Plan } from '../../src/migration/plan.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/report/format.ts';
import { bars, details, heading, list, paragraph, table } from '../../src/report/summary.ts';

/** What a reviewer reads in two minutes: the verdict, what stands in the way, the cost, what moves where. */
export function assessSummary(
  plan: Plan,
  digest: string,
  inventory: HerokuInventory,
  database: DatabaseFacts | undefined,
  redis: RedisFacts | undefined,
): string {
  const { before, after } = plan.costs;
  return [
    heading(`${plan.herokuApp} → DigitalOcean ${plan.region}: ${verdict(plan)}`, 2),
    ...problems('Blockers', plan.blockers),
    heading('Cost a month', 3),
    bars('US dollars a month', 'USD', [
      { label: 'Heroku', value: before.usdPerMonth },
      { label: 'DigitalOcean', value: after.usdPerMonth },
    ]),
    `Heroku ${money(before)}, DigitalOcean ${money(after)}: ${savingOf(before, after)}.`,
    heading('What moves where', 3),
    table(
      ['On Heroku', 'On DigitalOcean', 'Size', { title: 'USD a month', align: 'right' }],
      [
        ...plan.components.map(({ name, kind, from, instanceSize, count, usdPerMonth }) => [
          `${name} (${from})`,
          KINDS[kind],
          `${count} × ${instanceSize}`,
          usdPerMonth === null ? 'unknown' : usdPerMonth.toFixed(2),
        ]),
        [
          databaseText(database),
          `PostgreSQL ${plan.cluster.version}`,
          plan.cluster.size,
          plan.cluster.usdPerMonth?.toFixed(2) ?? 'unknown',
        ],
        ...(plan.redis === null
          ? []
          : [
              [
                redisText(redis),
                'Redis on a droplet',
                plan.redis.size,
                plan.redis.usdPerMonth?.toFixed(2) ?? 'unknown',
              ],
            ]),
        ...plan.leftOut.map(({ process, why }) => [process, 'left out', why, '']),
      ],
    ),
    ...strategyPart(plan.strategyChoice),
    ...problems('Worth knowing', plan.warnings),
    details('Cost, line by line', costTable(before, 'Heroku') + costTable(after, 'DigitalOcean')),
    details(
      `Config vars (${plan.variables.length})`,
      table(
        ['Name', 'Becomes', 'Why'],
        plan.variables.map(({ name, fate, reason }) => [name, fate, reason]),
      ),
    ),
    details(
      'Inventory',
      table(
        ['What', 'Found'],
        [
          ['Stack', inventory.app.stack],
          ['Region', inventory.app.region],
          ['Buildpacks', inventory.buildpacks.join(', ')],
          ['Add-ons', inventory.addOns.map(({ plan: name }) => name).join(', ')],
          ['Domains', inventory.domains.map(({ hostname }) => hostname).join(', ')],
          ['Features', inventory.features.join(', ')],
          ['Log drains', inventory.drains.map(({ host }) => host).join(', ')],
          ['Pipeline stage', inventory.pipeline?.stage ?? 'none'],
          [
            'Extensions',
            database?.extensions.map(({ name, version }) => `${name} ${version}`).join(', ') ?? '',
          ],
        ],
      ),
    ),
    `Plan digest: \`${digest}\``,
  ].join('\n\n');
}

const KINDS = {
  service: 'App Platform service',
  worker: 'App Platform worker, waits for the switch',
  release: 'App Platform job before each deployment',
  scheduled: 'App Platform scheduled job',
};

function verdict(plan: Plan): string {
  if (plan.blockers.length > 0) return `blocked (${plan.blockers.length})`;
  return plan.warnings.length === 0 ? 'ready' : `ready, ${plan.warnings.length} things worth knowing`;
}

function problems(title: string, list: Plan['blockers']): string[] {
  if (list.length === 0) return [];
  return [
    heading(title, 3),
    table(
      ['What', 'Why', 'What to do'],
      list.map(({ what, why, remedy }) => [what, why, remedy]),
    ),
  ];
}

/** Why this strategy: both forecasts side by side, the arithmetic folded away. */
function strategyPart({ strategy, why, forecasts, arithmetic }: Plan['strategyChoice']): string[] {
  if (forecasts === null) return [];
  const right = (title: string) => ({ title, align: 'right' as const });
  return [
    heading(`Strategy: ${strategy}`, 3),
    paragraph(why),
    table(
      ['Downtime with', right('At least'), right('Expected'), right('At most'), 'Fits the budget', 'Taken'],
      (['window', 'live'] as const).map((name) => [
        name,
        formatDuration(forecasts[name].low),
        formatDuration(forecasts[name].expected),
        formatDuration(forecasts[name].high),
        forecasts[name].fits,
        name === strategy,
      ]),
    ),
    details('The arithmetic', list(arithmetic)),
  ];
}

function costTable(cost: Cost, title: string): string {
  const rows = cost.lines.map(({ what, usd, note }) => [
    what,
    usd === null ? 'unknown' : usd.toFixed(2),
    note,
  ]);
  return `${heading(title, 4)}\n\n${table(['What', { title: 'USD a month', align: 'right' }, 'From'], rows)}\n\n`;
}

function money(cost: Cost): string {
  return `${cost.complete ? '' : 'at least '}$${cost.usdPerMonth.toFixed(2)}`;
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
