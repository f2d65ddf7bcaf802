import type { Plan } from '../../src/migration/plan.ts';

/**
 * The domains that the new app serves itself, with certificates of App Platform's. Behind a CDN there are none: it asks
 * for the app's own name, and a domain that leads elsewhere could not be validated (DigitalOcean, "Use an External CDN").
 */
export function ownDomains({ traffic, domains }: Pick<Plan, 'traffic' | 'domains'>): string[] {
  return traffic === 'cdn' ? [] : domains;
}
