import { z } from 'zod';
import { bodyOf } from './body.ts';
import { notFound } from './refusal.ts';
import { change, read, type Route } from './route.ts';

/**
 * What Heroku's command line and dashboard know and the published API does not: autoscaling of web dynos
 * (api.metrics.heroku.com; heroku/cli, `ps:autoscale`) and the connection to GitHub (kolkrabbi.heroku.com;
 * terraform-provider-herokux, 2025-08-15).
 */
export const dashboardRoutes: Route[] = [
  read(
    '/apps/:app/formation/:type/monitors',
    ({ platform, app, params }) =>
      app.autoscaling && params['type'] === 'web'
        ? [
            {
              id: app.id,
              app_id: app.id,
              metric_uuid: platform.account.id,
              process_type: 'web',
              name: 'LATENCY',
              value: 500,
              op: 'GREATER_OR_EQUAL',
              period: 1,
              is_active: app.autoscaling.active,
              state: 'ok',
              action_type: 'scale',
              notification_channels: [],
              notification_period: 1440,
              min_quantity: app.autoscaling.min,
              max_quantity: app.autoscaling.max,
            },
          ]
        : [],
    { dialect: 'dashboard' },
  ),
  read(
    '/apps/:app/github',
    ({ app }) => {
      if (!app.github) throw notFound('GitHub connection');
      const { repo, branch, autoDeploy, waitForCi } = app.github;
      return {
        app_id: app.id,
        id: app.id,
        repo,
        repo_id: 138865824,
        branch,
        auto_deploy: autoDeploy,
        wait_for_ci: waitForCi,
        stale_days: 5,
      };
    },
    { dialect: 'dashboard' },
  ),
  change(
    'PATCH',
    '/apps/:app/formation/:type/monitors/:monitor',
    (call) => {
      const { autoscaling, id } = call.app;
      if (!autoscaling || call.params['monitor'] !== id) throw notFound('monitor');
      autoscaling.active = bodyOf(call, z.object({ is_active: z.boolean() })).is_active;
      return '';
    },
    { status: 202, dialect: 'dashboard' },
  ),
  change(
    'PATCH',
    '/apps/:app/github',
    (call) => {
      const { github } = call.app;
      if (!github) throw notFound('GitHub connection');
      const asked = bodyOf(
        call,
        z.object({ auto_deploy: z.boolean(), branch: z.string().optional(), wait_for_ci: z.boolean() }),
      );
      Object.assign(github, {
        autoDeploy: asked.auto_deploy,
        waitForCi: asked.wait_for_ci,
        branch: asked.branch ?? github.branch,
      });
      return '';
    },
    { dialect: 'dashboard' },
  ),
];
