import { randomBytes, randomUUID } from 'node:crypto';
import type { DnsStore } from '../dns.ts';
import type { DomainSpec } from './spec.ts';

/** A host name that an app wants to serve. Only an ACTIVE one has a certificate. */
export interface AppDomain {
  id: string;
  spec: DomainSpec;
  phase: 'PENDING' | 'CONFIGURING' | 'ACTIVE' | 'ERROR';
  /** What proves the name before its records lead here: ACME's DNS-01. */
  validation: { txt_name: string; txt_value: string };
  /** The name is proven and its certificate on the way. */
  issuing: boolean;
  expiresAt: Date | undefined;
}

/** The two shared addresses for names that cannot be a CNAME (docs, "Manage domains", 2025-12-11). */
const sharedIngress = ['162.159.140.98', '172.66.0.96'];

export function newDomain(spec: DomainSpec): AppDomain {
  return {
    id: randomUUID(),
    spec,
    phase: 'PENDING',
    validation: {
      txt_name: `_acme-challenge.${spec.domain}`,
      txt_value: randomBytes(32).toString('base64url'),
    },
    issuing: false,
    expiresAt: undefined,
  };
}

/** Whether DNS proves the name: by the TXT record, or because it already leads to the app. */
export function isProven(domain: AppDomain, appHost: string, dns: DnsStore): boolean {
  const { txt_name, txt_value } = domain.validation;
  const texts = dns.resolveAll(txt_name, 'TXT').map(({ value }) => value.replace(/^"(.*)"$/, '$1'));
  const alias = dns.resolve(domain.spec.domain, 'CNAME')?.value;
  const addresses = dns.resolveAll(domain.spec.domain, 'A').map(({ value }) => value);
  return (
    texts.includes(txt_value) ||
    alias === appHost ||
    addresses.some((address) => sharedIngress.includes(address))
  );
}

/** With a `zone` of this account App Platform points the name at the app by itself, at once. */
export function manageRecords(spec: DomainSpec, appHost: string, dns: DnsStore): void {
  if (spec.zone === undefined || !dns.zones.has(spec.zone)) return;
  if (spec.domain === spec.zone) {
    dns.setRecord({ name: spec.domain, type: 'A', data: sharedIngress[0] ?? '', ttl: 300 });
  } else {
    dns.setRecord({ name: spec.domain, type: 'CNAME', data: appHost, ttl: 300 });
  }
}

export function showDomain(domain: AppDomain): object {
  const done = domain.phase === 'ACTIVE';
  return {
    id: domain.id,
    spec: domain.spec,
    phase: domain.phase,
    progress: {
      steps: [
        { name: 'default-ingress-ready', status: 'SUCCESS' },
        { name: 'ensure-certificate', status: done ? 'SUCCESS' : 'RUNNING' },
      ],
    },
    validations: [domain.validation],
    rotate_validation_records: false,
    ...(domain.expiresAt === undefined ? {} : { certificate_expires_at: domain.expiresAt.toISOString() }),
  };
}
