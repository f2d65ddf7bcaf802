import type { DnsStore } from '../dns.ts';
import type { Platform } from '../platform.ts';
import { isProven, type AppDomain } from './app-domain.ts';
import type { App } from './app.ts';

/** How often names are looked up for domains that wait for their proof. */
const CHECK_MS = 50;
/** Let's Encrypt's certificates. */
const VALID_MS = 90 * 86_400_000;

/**
 * Leads every domain of every app from PENDING to ACTIVE: as soon as DNS proves its name, its certificate is made. The
 * real platform backs off for half an hour after a first failed validation; this one keeps looking.
 */
export function watchDomains(platform: Platform, dns: DnsStore, apps: () => readonly App[]): void {
  const look = (app: App, domain: AppDomain): void => {
    if (domain.phase === 'PENDING') domain.phase = 'CONFIGURING';
    if (domain.phase === 'ACTIVE' || domain.issuing || !isProven(domain, app.host, dns)) return;
    if (platform.played.otherwise.includes('no-early-certificates')) return;
    domain.issuing = true;
    platform.schedule.later(platform.played.certificateMs, () => {
      domain.phase = 'ACTIVE';
      domain.expiresAt = new Date(Date.now() + VALID_MS);
    });
  };
  platform.schedule.every(CHECK_MS, () => {
    for (const app of apps()) for (const domain of app.domains) look(app, domain);
  });
}
