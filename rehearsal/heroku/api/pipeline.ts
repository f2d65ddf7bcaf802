import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { born, type Coupling, type Pipeline, type Platform, type ReviewApp } from '../platform.ts';
import { bodyOf, reference } from './body.ts';
import { isVisible } from './add-on.ts';
import { notFound, Refusal } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

const stage = z.enum(['test', 'review', 'development', 'staging', 'production']);

/** Pipelines and which app is which stage of them. */
export const pipelineRoutes: Route[] = [
  list('/pipelines', ({ platform, query }) => {
    const name = query.get('eq[name]');
    return platform.pipelines
      .filter((one) => name === null || one.name === name)
      .map((one) => view(platform, one));
  }),
  read('/pipelines/:pipeline', (call) => view(call.platform, pipelineOf(call))),
  list('/pipelines/:pipeline/pipeline-couplings', (call) => {
    const pipeline = pipelineOf(call);
    return call.platform.couplings.filter((one) => one.pipeline === pipeline).map(couplingView);
  }),
  read('/pipelines/:pipeline/review-app-config', (call) => {
    const { id, review } = pipelineOf(call);
    if (!review) throw notFound('review app config');
    return {
      repo: { id: review.repoId },
      automatic_review_apps: review.automatic,
      deploy_target: { id: 'us', type: 'region' },
      destroy_stale_apps: false,
      stale_days: 5,
      pipeline_id: id,
      wait_for_ci: true,
      base_name: review.baseName,
    };
  }),
  list('/pipelines/:pipeline/review-apps', (call) => {
    const pipeline = pipelineOf(call);
    return call.platform.reviewApps
      .filter((one) => one.pipeline === pipeline)
      .map((one) => reviewAppView(call.platform, one));
  }),
  list('/pipeline-couplings', (call) => call.platform.couplings.filter(isVisible(call)).map(couplingView)),
  list('/users/:user/pipeline-couplings', (call) =>
    call.platform.couplings.filter(isVisible(call)).map(couplingView),
  ),
  read('/pipeline-couplings/:coupling', (call) => couplingView(couplingOf(call))),
  read('/apps/:app/pipeline-couplings', ({ platform, app }) => {
    const coupling = platform.couplings.find((one) => one.app === app);
    if (!coupling) throw new Refusal(404, 'not_found', "Couldn't find that pipeline coupling.");
    return couplingView(coupling);
  }),
  change('POST', '/pipeline-couplings', couple, { status: 201 }),
  change('PATCH', '/pipeline-couplings/:coupling', (call) => {
    const coupling = couplingOf(call);
    coupling.stage = bodyOf(call, z.object({ stage })).stage;
    return couplingView(coupling);
  }),
  change('DELETE', '/pipeline-couplings/:coupling', (call) => {
    const coupling = couplingOf(call);
    call.platform.couplings = call.platform.couplings.filter((one) => one !== coupling);
    return couplingView(coupling);
  }),
];

function couple(call: Call): unknown {
  const { platform } = call;
  const body = bodyOf(call, z.object({ app: reference, pipeline: reference, stage }));
  const app = findNamed(platform.apps, body.app);
  const pipeline = findNamed(platform.pipelines, body.pipeline);
  if (!app) throw notFound('app');
  if (!pipeline) throw notFound('pipeline');
  const coupling: Coupling = { ...born(platform), app, pipeline, stage: body.stage };
  platform.couplings = [...platform.couplings.filter((one) => one.app !== app), coupling];
  return couplingView(coupling);
}

function pipelineOf({ platform, params }: Call): Pipeline {
  const pipeline = findNamed(platform.pipelines, params['pipeline'] ?? '');
  if (!pipeline) throw notFound('pipeline');
  return pipeline;
}

function couplingOf({ platform, params }: Call): Coupling {
  const coupling = platform.couplings.find(({ id }) => id === params['coupling']);
  if (!coupling) throw notFound('pipeline coupling');
  return coupling;
}

function view(platform: Platform, pipeline: Pipeline): unknown {
  return {
    ...times(pipeline),
    ...identity(pipeline),
    owner: { id: platform.account.id, type: 'user' },
    generation: platform.catalogue.cedar,
  };
}

function reviewAppView(platform: Platform, review: ReviewApp): unknown {
  return {
    // The played pull requests have no apps that run.
    app: null,
    app_setup: null,
    branch: review.branch,
    ...times(review),
    id: review.id,
    pipeline: { id: review.pipeline.id },
    status: review.status,
    creator: { id: platform.account.id },
    wait_for_ci: true,
    error_status: null,
    message: null,
    fork_repo: null,
    pr_number: review.pullRequest,
  };
}

function couplingView(coupling: Coupling): unknown {
  return {
    app: { id: coupling.app.id },
    ...times(coupling),
    id: coupling.id,
    pipeline: { id: coupling.pipeline.id },
    stage: coupling.stage,
  };
}
