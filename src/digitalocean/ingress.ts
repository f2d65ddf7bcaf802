/**
 * App Platform's shared ingress: where names that may have no CNAME (the zone's own) are led (DigitalOcean, "Static IP
 * Addresses" and "Manage domains", 2025-12-11).
 */
export const INGRESS_ADDRESSES = {
  A: ['162.159.140.98', '172.66.0.96'],
  AAAA: ['2606:4700:7::60', '2a06:98c1:58::60'],
} as const;
