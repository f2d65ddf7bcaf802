import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import type { SchedulerJob } from '../platform.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, read, type Call, type Route } from './route.ts';
import { time } from './view.ts';

/**
 * The dashboard's Scheduler API, which is unofficial and JSON:API (as terraform-provider-herokux uses it, 2025-08-15):
 * at https://particleboard.heroku.com in earnest.
 */
export const schedulerRoutes: Route[] = [
  read('/apps/:app/jobs', ({ app }) => ({ data: app.jobs.map(view) }), { dialect: 'dashboard' }),
  change('POST', '/apps/:app/jobs', addJob, { status: 201, dialect: 'dashboard' }),
  change('PATCH', '/apps/:app/jobs/:job', updateJob, { dialect: 'dashboard' }),
  change(
    'DELETE',
    '/apps/:app/jobs/:job',
    (call) => {
      const job = jobOf(call);
      call.app.jobs = call.app.jobs.filter((one) => one !== job);
      return '';
    },
    { status: 204, dialect: 'dashboard' },
  ),
];

const attributes = z.object({
  command: z.string(),
  'dyno-size': z.string().optional(),
  every: z.union([z.literal(10), z.literal(60), z.literal(1440)]),
  at: z.number().int().nonnegative().nullish(),
});
const job = z.object({ data: z.object({ attributes }) });
const jobUpdate = z.object({ data: z.object({ attributes: attributes.partial() }) });

function addJob(call: Call): unknown {
  const asked = bodyOf(call, job).data.attributes;
  const made: SchedulerJob = {
    id: call.platform.ids.uuid(),
    command: asked.command,
    size: sizeOf(call, asked['dyno-size'] ?? 'Standard-1X'),
    every: asked.every,
    at: asked.at ?? 0,
    ranAt: undefined,
  };
  checkTime(made);
  call.app.jobs.push(made);
  return { data: view(made) };
}

function updateJob(call: Call): unknown {
  const changed = jobOf(call);
  const asked = bodyOf(call, jobUpdate).data.attributes;
  const next = {
    command: asked.command ?? changed.command,
    size: asked['dyno-size'] === undefined ? changed.size : sizeOf(call, asked['dyno-size']),
    every: asked.every ?? changed.every,
    at: asked.at ?? changed.at,
  };
  checkTime(next);
  Object.assign(changed, next);
  return { data: view(changed) };
}

/** Hourly at :00, :10 … :50, daily at every half hour (devcenter "Heroku Scheduler", 2025-07-01). */
function checkTime({ every, at }: Pick<SchedulerJob, 'every' | 'at'>): void {
  const step = every === 1440 ? 30 : 10;
  if (at % step !== 0 || at >= every) throw invalid(`at must be a multiple of ${step} below ${every}`);
}

function sizeOf(call: Call, name: string): SchedulerJob['size'] {
  const size = findNamed(call.platform.catalogue.dynoSizes, name);
  if (!size) throw invalid(`No such size as ${name}.`);
  return size;
}

function jobOf({ app, params }: Call): SchedulerJob {
  const found = app.jobs.find(({ id }) => id === params['job']);
  if (!found) throw notFound('job');
  return found;
}

function view(of: SchedulerJob): unknown {
  return {
    id: of.id,
    type: 'jobs',
    attributes: {
      command: of.command,
      'dyno-size': of.size.name,
      every: of.every,
      at: of.at,
      'ran-at': of.ranAt ? time(of.ranAt) : null,
    },
  };
}
