import { accountRoutes } from './account.ts';
import { attachmentRoutes } from './add-on-attachment.ts';
import { addOnRoutes } from './add-on.ts';
import { appRoutes } from './app.ts';
import { buildRoutes } from './build.ts';
import { configVarRoutes } from './config-vars.ts';
import { dashboardRoutes } from './dashboard.ts';
import { keyValueStoreRoutes } from './data-key-value-store.ts';
import { maintenanceRoutes } from './data-maintenance.ts';
import { postgresRoutes } from './data-postgres.ts';
import { domainRoutes } from './domain.ts';
import { dynoSizeRoutes } from './dyno-size.ts';
import { dynoRoutes } from './dyno.ts';
import { featureRoutes } from './feature.ts';
import { formationRoutes } from './formation.ts';
import { logRoutes } from './log.ts';
import { pipelineRoutes } from './pipeline.ts';
import { planRoutes } from './plan.ts';
import { regionRoutes } from './region.ts';
import { releaseRoutes } from './release.ts';
import type { Route } from './route.ts';
import { schedulerRoutes } from './scheduler.ts';
import { slugRoutes } from './slug.ts';
import { sourceRoutes } from './source.ts';
import { sniEndpointRoutes } from './sni-endpoint.ts';
import { teamAppRoutes } from './team-app.ts';
import { webhookRoutes } from './webhook.ts';

/** Every endpoint of the control plane. */
export const routes: Route[] = [
  ...accountRoutes,
  ...addOnRoutes,
  ...appRoutes,
  ...attachmentRoutes,
  ...buildRoutes,
  ...configVarRoutes,
  ...dashboardRoutes,
  ...domainRoutes,
  ...dynoRoutes,
  ...dynoSizeRoutes,
  ...featureRoutes,
  ...formationRoutes,
  ...keyValueStoreRoutes,
  ...logRoutes,
  ...maintenanceRoutes,
  ...pipelineRoutes,
  ...planRoutes,
  ...postgresRoutes,
  ...regionRoutes,
  ...releaseRoutes,
  ...schedulerRoutes,
  ...slugRoutes,
  ...sniEndpointRoutes,
  ...sourceRoutes,
  ...teamAppRoutes,
  ...webhookRoutes,
];
