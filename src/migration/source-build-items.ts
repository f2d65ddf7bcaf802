import { blocked, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

const ID = { id: 'app/image', area: 'app' } as const;

/** What it means that App Platform builds the image; nothing where the workflow does. */
export function sourceBuildItems({ config, inventory }: Pick<PlanFacts, 'config' | 'inventory'>): Item[] {
  const { image: build } = config;
  if (build === undefined) return [];
  const what = `App Platform builds the image, from the branch ${build.branch} of ${build.repository}`;
  if (inventory.slugCommit === null || !/^[0-9a-f]{40}$/u.test(inventory.slugCommit)) {
    return [
      blocked({
        ...ID,
        what,
        why: 'Heroku names no commit for what it runs (code that did not come from git), so that nobody could tell whether the same is built',
        remedy:
          'Let the workflow build the image: leave `image` out of migration.yml. Or deploy to Heroku from git.',
      }),
    ];
  }
  return [
    told({
      ...ID,
      what,
      becomes: `${build.dockerfile} of that branch, built when the app is deployed; its commit must be ${inventory.slugCommit}, which Heroku runs`,
      why: 'migration.yml says `image: { build: app-platform }`',
      remedy:
        'Keep the branch where Heroku is until the cutover: every deployment builds it anew. The image is not booted before the cluster exists, and it has no digest by which it could be deployed again.',
    }),
  ];
}
