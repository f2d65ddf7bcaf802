import { z } from 'zod';
import type { HerokuClient } from './client.ts';
import { createGaps, type Gap } from './gap.ts';

const couplingSchema = z.object({
  stage: z.string(),
  app: z.object({ id: z.string() }),
  pipeline: z.object({ id: z.string() }),
});
const pipelineSchema = z.object({ id: z.string(), name: z.string() });
const appSchema = z.object({ id: z.string(), name: z.string() });
const reviewAppSchema = z.object({
  id: z.string(),
  status: z.string(),
  app: z.object({ id: z.string() }).nullable().optional(),
});
const reviewConfigSchema = z.object({
  automatic_review_apps: z.boolean().default(false),
  wait_for_ci: z.boolean().default(false),
  destroy_stale_apps: z.boolean().default(false),
  repo: z.object({ id: z.number() }).nullable().optional(),
});

/** `test`, `review`, `development`, `staging`, `production`. */
export interface PipelineApp {
  /** null: the token may not see the app. */
  name: string | null;
  id: string;
  stage: string;
}

export interface ReviewApps {
  /** Pull requests make them without anybody's doing. */
  automatic: boolean;
  waitForCi: boolean;
  destroyStale: boolean;
  /** Those that exist now. */
  open: number;
}

export interface Pipeline {
  id: string;
  name: string;
  /** The stage of the app that was asked about. */
  stage: string;
  /** All of its apps but review apps, sorted by stage and name. */
  apps: PipelineApp[];
  /** null: not enabled. `unknown` in the gaps: not readable. */
  reviewApps: ReviewApps | null;
  /** The pipeline is connected to a repository on GitHub. */
  connectedToGithub: boolean;
}

const STAGES = ['production', 'staging', 'development', 'test', 'review'];
/** A review app in one of these states is no more, or soon. */
const GONE = new Set(['deleting', 'deleted']);

/**
 * The pipeline that the app belongs to, with all of its apps and what is known of review apps; `undefined` for an app
 * without one. What the token may not see is in `gaps`. Nothing is changed.
 */
export async function readPipeline(
  client: HerokuClient,
  app: string,
): Promise<{ pipeline: Pipeline | undefined; gaps: Gap[] }> {
  const gaps = createGaps(client.signal);
  const read = { what: 'the pipeline', permission: 'the scope `read`' };
  const own = await gaps.orNone(
    read,
    () => client.find(`/apps/${encodeURIComponent(app)}/pipeline-couplings`, couplingSchema),
    undefined,
  );
  if (own === undefined) return { pipeline: undefined, gaps: gaps.found };

  const path = `/pipelines/${encodeURIComponent(own.pipeline.id)}`;
  const permission = 'the scope `read`, and a token of a member of the pipeline';
  const [facts, couplings, config, reviewApps] = await Promise.all([
    gaps.orNone(
      { what: "the pipeline's name", permission },
      () => client.get(path, pipelineSchema),
      undefined,
    ),
    gaps.orNone(
      { what: "the pipeline's apps", permission },
      () => client.list(`${path}/pipeline-couplings`, couplingSchema),
      [own],
    ),
    gaps.orNone(
      { what: "the pipeline's settings of review apps", permission },
      () => client.find(`${path}/review-app-config`, reviewConfigSchema),
      undefined,
    ),
    gaps.orNone(
      { what: "the pipeline's review apps", permission },
      () => client.list(`${path}/review-apps`, reviewAppSchema),
      [],
    ),
  ]);
  const open = reviewApps.filter(({ status }) => !GONE.has(status));
  return {
    pipeline: {
      id: own.pipeline.id,
      name: facts?.name ?? own.pipeline.id,
      stage: own.stage,
      apps: await withNames(client, couplings, gaps),
      reviewApps:
        config === undefined && open.length === 0
          ? null
          : {
              automatic: config?.automatic_review_apps ?? false,
              waitForCi: config?.wait_for_ci ?? false,
              destroyStale: config?.destroy_stale_apps ?? false,
              open: open.length,
            },
      connectedToGithub: config?.repo != null,
    },
    gaps: gaps.found,
  };
}

/** A coupling names its app by id only, so all apps that the token sees are read once: one request for the first 1,000. */
async function withNames(
  client: HerokuClient,
  couplings: z.infer<typeof couplingSchema>[],
  gaps: ReturnType<typeof createGaps>,
): Promise<PipelineApp[]> {
  const visible = await gaps.orNone(
    { what: "the names of the pipeline's apps", permission: 'the scope `read`' },
    () => client.list('/apps', appSchema),
    [],
  );
  const names = new Map(visible.map(({ id, name }) => [id, name]));
  const apps = couplings
    .filter(({ stage }) => stage !== 'review')
    .map(({ stage, app }) => ({ id: app.id, stage, name: names.get(app.id) ?? null }));
  for (const { id, stage, name } of apps) {
    if (name !== null) continue;
    gaps.add({
      what: `the ${stage} app ${id} of the pipeline`,
      why: 'it is not among the apps that the token may see',
      permission: 'a token of a collaborator of that app',
      essential: false,
    });
  }
  return apps.sort(
    (a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage) || (a.name ?? '').localeCompare(b.name ?? ''),
  );
}
