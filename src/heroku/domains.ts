import { z } from 'zod';
import type { HerokuClient } from './client.ts';
import { inOrder } from './in-order.ts';

const domainSchema = z.object({
  hostname: z.string(),
  kind: z.string(),
  cname: z.string().nullable().default(null),
  status: z.string().nullable().default(null),
  acm_status: z.string().nullable().default(null),
  acm_status_reason: z.string().nullable().default(null),
  sni_endpoint: z.object({ name: z.string() }).nullable().optional(),
});

const certificateSchema = z.object({
  name: z.string(),
  ssl_cert: z
    .object({
      cert_domains: z.array(z.string()).default([]),
      expires_at: z.string().nullable().default(null),
      issuer: z.string().nullable().default(null),
      'self_signed?': z.boolean().nullable().default(null),
    })
    .nullable()
    .optional(),
});

/** An SNI endpoint. Its chain can be read at Heroku, its key never again. */
export interface Certificate {
  name: string;
  domains: string[];
  expiresAt: string | null;
  issuer: string | null;
  selfSigned: boolean;
}

export interface Domain {
  hostname: string;
  /** `heroku` for the app's own name, else `custom`. */
  kind: string;
  /** Where its DNS record points while it is served by Heroku. */
  cname: string | null;
  acmStatus: string | null;
  acmReason: string | null;
  wildcard: boolean;
  /** It is a zone's own name, which can have no CNAME. Guessed from its labels. */
  apex: boolean;
  certificate: {
    /**
     * `managed`: Heroku gets and renews it (ACM), and it can be replaced by anyone's. `uploaded`: the key was given to
     * Heroku and stays there. `none`: no HTTPS under this name.
     */
    kind: 'managed' | 'uploaded' | 'none';
    expiresAt: string | null;
  };
}

export async function readCertificates(client: HerokuClient, app: string): Promise<Certificate[]> {
  const found = await client.list(`/apps/${encodeURIComponent(app)}/sni-endpoints`, certificateSchema);
  return inOrder(found, ({ name }) => name).map(({ name, ssl_cert: certificate }) => ({
    name,
    domains: certificate?.cert_domains ?? [],
    expiresAt: certificate?.expires_at ?? null,
    issuer: certificate?.issuer ?? null,
    selfSigned: certificate?.['self_signed?'] ?? false,
  }));
}

/** @param certificates those of the app, for the expiry of each domain's. */
export async function readDomains(
  client: HerokuClient,
  app: string,
  certificates: Certificate[],
): Promise<Domain[]> {
  const found = await client.list(`/apps/${encodeURIComponent(app)}/domains`, domainSchema);
  return inOrder(found, ({ hostname }) => hostname).map((one) => {
    const endpoint = certificates.find(({ name }) => name === one.sni_endpoint?.name);
    // Heroku's own name has Heroku's own certificate.
    const managed = one.kind === 'heroku' || one.acm_status !== null;
    return {
      hostname: one.hostname,
      kind: one.kind,
      cname: one.cname,
      acmStatus: one.acm_status,
      acmReason: one.acm_status_reason,
      wildcard: one.hostname.startsWith('*.'),
      apex: one.kind === 'custom' && isApex(one.hostname),
      certificate: {
        kind: managed ? 'managed' : one.sni_endpoint == null ? 'none' : 'uploaded',
        expiresAt: endpoint?.expiresAt ?? null,
      },
    };
  });
}

/** `example.com`, `example.co.uk`: one label before a suffix under which anybody registers names. */
export function isApex(hostname: string): boolean {
  const labels = hostname.split('.');
  if (hostname.startsWith('*.')) return false;
  if (labels.length === 2) return true;
  const [, second = '', top = ''] = labels;
  return labels.length === 3 && top.length === 2 && /^(ac|co|com|edu|gob|gov|ne|net|or|org)$/.test(second);
}
