import type { Item } from '../../src/migration/item.ts';
import { heading, list, paragraph, raw, table } from '../../src/report/summary.ts';
import type { Assessment } from './assessment.ts';

/** What a first run could not see, what would tell it, and the next step. */
export function firstRun(own: Assessment): string[] {
  const unseen = unseenIn(own.plan.items);
  return [
    paragraph(
      'A first look: there is no migration.yml yet, so region, strategy and names are proposed. Nothing was changed, and this run fails for nothing that it found.',
    ),
    ...(unseen.length === 0
      ? []
      : [
          heading('What this run could not see', 3),
          table(
            ['What', 'Why', 'What would tell'],
            unseen.map(({ what, why, remedy }) => [what, why, remedy]),
          ),
        ]),
    heading('Next step', 3),
    list(nextSteps(own).map((markdown) => raw(markdown))),
  ];
}

/** Whatever was not read, grave or not: an item that says so by its id. */
export function unseenIn(items: readonly Item[]): Item[] {
  return items.filter(
    ({ id, becomes }) =>
      /(^|\/)not-read(\/|$)/.test(id) || id === 'app/slug' || becomes === 'not in this report',
  );
}

function nextSteps({ inventory, catalogue, repository, config }: Assessment): string[] {
  const others = (inventory.pipeline?.apps.length ?? 1) - 1;
  const inPipeline = others > 0 && Object.keys(config.environments).length === 1;
  return [
    '`init: true` in the same step proposes `migration.yml` and the calling workflows as one pull request ' +
      '(permissions `contents: write` and `pull-requests: write`).',
    ...(inPipeline
      ? [
          `\`all-in-pipeline: true\` also looks at the pipeline's ${others === 1 ? 'other app' : `${others} other apps`}, so that the proposal has an environment for each.`,
        ]
      : []),
    ...(inventory.configVars === null
      ? [
          'A Heroku token that also reads config vars, so that the databases can be looked into: `heroku authorizations:create --scope read,read-protected`.',
        ]
      : []),
    ...(catalogue === undefined
      ? [
          'A `digitalocean-token` with `app:read`, `sizes:read` and `database:read` gives the prices of the new side.',
        ]
      : []),
    ...(repository === undefined
      ? ['A step with `actions/checkout` before this one has the repository looked at, too.']
      : []),
    '`doctor: true` says which tokens, environments and secrets a migration needs, and what mends each that is missing.',
  ];
}
