/** Whether an IPv4 address or CIDR range covers an address. IPv6 ranges cover no IPv4 address. */
export function covers(range: string, address: string): boolean {
  const [base = '', bits = '32'] = range.split('/');
  const [from, of] = [toNumber(base), toNumber(address)];
  if (from === undefined || of === undefined) return false;
  const width = 2 ** (32 - Number(bits));
  return Math.floor(from / width) === Math.floor(of / width);
}

/** An address inside a range that a machine in it could have. */
export function addressWithin(range: string, host = 10): string {
  const base = toNumber(range.split('/')[0] ?? '') ?? 0;
  const value = base + host;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function toNumber(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
