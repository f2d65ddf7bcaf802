import { randomBytes } from 'node:crypto';

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'MX' | 'CAA' | 'NS';

/** A record as the API shows it. `ttl` 1 is "auto". */
export interface ZoneRecord {
  id: string;
  type: RecordType;
  name: string;
  content: string;
  ttl: number;
  proxied: boolean;
  comment: string | null;
  tags: string[];
}

export interface OriginRule {
  id: string;
  action: string;
  description: string;
  enabled: boolean;
  expression: string;
  action_parameters: Record<string, unknown>;
}

export type Plan = 'free' | 'pro' | 'business' | 'enterprise';

export interface Zone {
  id: string;
  name: string;
  plan: Plan;
  type: 'full' | 'partial';
  status: 'active' | 'pending';
  ssl: 'off' | 'flexible' | 'full' | 'strict';
  records: ZoneRecord[];
  /** Of the phase http_request_origin; `undefined`: it has never had a rule. */
  originRules: { id: string; rules: OriginRule[] } | undefined;
}

export function newId(): string {
  return randomBytes(16).toString('hex');
}

export function newZone(name: string, plan: Plan): Zone {
  return {
    id: newId(),
    name,
    plan,
    type: 'full',
    status: 'active',
    ssl: 'full',
    records: [],
    originRules: undefined,
  };
}

/** "Auto", and what a proxied record is answered with (Cloudflare, "TTL"). */
export const AUTOMATIC_TTL = 300;
/** What visitors of a proxied name are told: an address of the proxy's own. */
export const PROXY_ADDRESS = '104.16.0.1';
