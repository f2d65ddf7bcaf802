import { notFound } from './refusal.ts';
import { read, type Route } from './route.ts';

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
];
