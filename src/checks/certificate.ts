import type { ServedCertificate } from './exchange.ts';

const DAY_MS = 86_400_000;

/** How long a certificate is still valid, and whether that will do. A chain that is not trusted never came this far. */
export function certificateState(
  { validTo, chain, protocol }: ServedCertificate,
  days: number,
  now: Date,
): { passed: boolean; found: string } {
  const left = Math.floor((validTo.getTime() - now.getTime()) / DAY_MS);
  // A date that cannot be read is no pass.
  const passed = left >= days;
  return {
    passed,
    found:
      `valid until ${Number.isNaN(left) ? 'a date that cannot be read' : validTo.toISOString().slice(0, 10)}` +
      `${Number.isNaN(left) ? '' : ` (${left} days)`}, ${chain} certificates in its chain, ${protocol}` +
      (passed ? '' : `; ${days} days are the least`),
  };
}
