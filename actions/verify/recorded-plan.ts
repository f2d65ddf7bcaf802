import { z } from 'zod';

import type { PlanWithCluster } from '../../src/migration/own-postgres.ts';
import { planSchema, type Plan } from '../../src/migration/plan.ts';
import { latestSection } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';

/** The plan that assess recorded last; undefined when the record holds none. */
export function recordedPlan({ record }: Pick<Subject, 'record'>): Plan | undefined {
  return latestSection(record, 'assess', z.object({ plan: planSchema }))?.plan;
}

export function withCluster(plan: Plan | undefined): PlanWithCluster | undefined {
  return plan === undefined || plan.cluster === null ? undefined : { ...plan, cluster: plan.cluster };
}

const provisioned = z.object({
  stage: z.literal('application'),
  sent: z.array(z.object({ name: z.string(), digest: z.string() })),
});

/** Keyed digests of the variables that provision sent last, by name; undefined when the record holds none. */
export function sentVariables({ record }: Pick<Subject, 'record'>): Record<string, string> | undefined {
  const section = latestSection(record, 'provision', provisioned);
  return section && Object.fromEntries(section.sent.map(({ name, digest }) => [name, digest]));
}
