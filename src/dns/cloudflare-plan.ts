/**
 * Overriding the Host header by an origin rule is part of this plan only (Cloudflare, "Origin Rules", availability, read in
 * 2026). Apart from the rules, so that who only wants to know the plan does not load Cloudflare's client.
 */
export const PLAN_WITH_HOST_OVERRIDE = 'enterprise';
