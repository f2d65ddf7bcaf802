import { z } from 'zod';

import { readApp } from '../../src/digitalocean/app.ts';
import { commitProblem } from '../../src/digitalocean/github-source.ts';
import { readCurrentSlug } from '../../src/heroku/release.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';

/**
 * Where App Platform builds the image: whether what serves there is still the commit that Heroku runs. Each deployment may
 * have built a newer state of the branch, and each deploy to Heroku brings another. What is not told is no proof.
 */
export async function builtCommitFindings({ subject, oldSide, newSide }: Parties): Promise<Finding[]> {
  const { image: build, application } = subject.config;
  if (build === undefined) return [];
  const what = 'App Platform built what Heroku runs';
  const remedy = `Point the branch ${build.branch} of ${build.repository} at what Heroku runs, then run provision with \`stage: application\`: it builds again and compares.`;
  const commit = (await readCurrentSlug(oldSide.heroku, oldSide.app))?.commit ?? '';
  if (!/^[0-9a-f]{40}$/u.test(commit)) {
    return [
      {
        what,
        found: 'Heroku names no commit for what it runs',
        remedy:
          'Deploy to Heroku from git, or let the workflow build the image: leave `image` out of migration.yml.',
      },
    ];
  }
  const { app: name } = targetNames(subject.environment.migrationId, application);
  const app = await readApp(newSide.client, name);
  const problem = commitProblem(app?.active_deployment, app === undefined ? [] : namesIn(app.spec), commit);
  if (problem === undefined) return [{ what, found: commit }];
  return [{ what, found: `${problem}, and Heroku runs ${commit}`, remedy }];
}

const named = z.array(z.object({ name: z.string() })).nullish();
const componentsSchema = z.object({ services: named, workers: named, jobs: named });

/** All of them: what a person added by hand would be built from the same branch, or be nothing that this may open. */
function namesIn(spec: Record<string, unknown>): string[] {
  const { services, workers, jobs } = componentsSchema.parse(spec);
  return [services, workers, jobs].flatMap((list) => (list ?? []).map(({ name }) => name));
}
