import type { HerokuInventory } from '../heroku/inventory.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';

/** How long before its end a certificate is a matter for this move: a rehearsal, a cutover and days to go back. */
const EXPIRES_SOON_DAYS = 30;

/** Its pre-flight refuses otherwise. */
const BEFORE_THE_CUTOVER = 'the cutover does not begin before it is there';
/** DigitalOcean's community, 2026-02-06: half an hour to an hour when the first validation fails. */
const SLOW = 'App Platform may take an hour when its first look at the name fails';

/**
 * What kind of name each custom domain is, and what becomes of its certificate.
 *
 * @param now for certificates that end soon; without it none is looked at.
 */
export function domainCertificateItems(inventory: HerokuInventory, now?: Date): Item[] {
  return [...domains(inventory, now), ...unusedCertificates(inventory)];
}

function domains({ domains: found }: HerokuInventory, now: Date | undefined): Item[] {
  return found
    .filter(({ kind }) => kind === 'custom')
    .flatMap(({ hostname, wildcard, apex, acmStatus, acmReason, certificate }) => {
      const { kind, expiresAt } = certificate;
      const items: (Item | false)[] = [
        wildcard &&
          blocked({
            id: `domain/wildcard/${hostname}`,
            area: 'domain',
            what: `${hostname} is a wildcard`,
            why: 'migration.yml takes no wildcards yet, and its certificate needs a DNS record of its own',
            remedy: 'Name the host names that are used in `domains`, and remove the wildcard from the app.',
          }),
        apex &&
          told({
            id: `domain/apex/${hostname}`,
            area: 'domain',
            what: `${hostname} is the zone’s own name`,
            becomes: 'A records that App Platform names, at the cutover',
            why: 'a zone’s own name can have no CNAME; at Heroku it is an ALIAS or ANAME record',
            remedy: 'Only a zone that DigitalOcean serves can be changed by the cutover.',
          }),
        kind === 'managed' && acmStatus !== null && !/^(cert issued|ok)$/.test(acmStatus)
          ? told({
              id: `domain/certificate/${hostname}`,
              area: 'domain',
              what: `Heroku has no certificate for ${hostname} yet (${acmStatus})`,
              becomes: 'a certificate of App Platform’s own',
              why: acmReason ?? 'its record may not lead to Heroku',
              remedy:
                'If its DNS does not lead to Heroku today, nobody will notice the cutover under this name.',
            })
          : kind === 'none'
            ? told({
                id: `domain/certificate/${hostname}`,
                area: 'domain',
                what: `${hostname} has no certificate`,
                becomes: 'HTTPS with a certificate of App Platform’s own, and HTTP is redirected',
                why: 'neither ACM nor an uploaded certificate',
                remedy: 'Clients that speak HTTP only (devices, old webhooks) must follow a redirect.',
              })
            : kind === 'uploaded'
              ? decide({
                  id: `domain/certificate/${hostname}`,
                  area: 'domain',
                  what: `${hostname} has a certificate that was uploaded`,
                  question: 'Is a certificate of App Platform’s own (Let’s Encrypt or Google) as good?',
                  options: ['replace'],
                  why: `its key cannot be read from Heroku, and App Platform gets one of its own (${BEFORE_THE_CUTOVER}); ${SLOW}`,
                  remedy:
                    'Look for clients that pin it. CAA records must allow letsencrypt.org and pki.goog both. Put a CDN in front if that very one is needed.',
                })
              : automatic({
                  id: `domain/certificate/${hostname}`,
                  area: 'domain',
                  what: `the certificate of ${hostname}`,
                  becomes: `a certificate of App Platform’s own; ${BEFORE_THE_CUTOVER}`,
                  why: `Heroku manages it (ACM), with Let’s Encrypt; CAA records must allow pki.goog, too, and the zone must not be signed (DNSSEC); ${SLOW}`,
                }),
        kind === 'uploaded' &&
        now !== undefined &&
        expiresAt !== null &&
        daysUntil(expiresAt, now) < EXPIRES_SOON_DAYS
          ? told({
              id: `domain/expiry/${hostname}`,
              area: 'domain',
              what: `the certificate of ${hostname} ends on ${expiresAt.slice(0, 10)}`,
              becomes: 'App Platform renews its own',
              why: 'nobody renews an uploaded certificate, and the way back needs a good one',
              remedy: 'Renew it at Heroku before the cutover (`heroku certs:update`).',
            })
          : false,
      ];
      return items.filter((item) => item !== false);
    });
}

/** Certificates that no domain uses: something else might. */
function unusedCertificates({ certificates: found, domains: names }: HerokuInventory): Item[] {
  const custom = names.filter(({ kind }) => kind === 'custom');
  return found
    .filter(
      ({ domains: covered }) => !custom.some(({ hostname }) => covered.some((one) => covers(one, hostname))),
    )
    .map(({ name, domains: covered }) =>
      automatic({
        id: `domain/endpoint/${idPart(name)}`,
        area: 'domain',
        what: `the SNI endpoint ${name} (${covered.join(', ')})`,
        becomes: 'left behind',
        why: 'no domain of the app uses its certificate',
      }),
    );
}

function covers(pattern: string, hostname: string): boolean {
  return pattern === hostname || (pattern.startsWith('*.') && hostname.replace(/^[^.]+/, '*') === pattern);
}

function daysUntil(date: string, now: Date): number {
  return (new Date(date).getTime() - now.getTime()) / 86_400_000;
}
