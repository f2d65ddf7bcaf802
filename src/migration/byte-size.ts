const UNITS: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/** How a size is written in migration.yml: decimal units, as disks are sold. */
export const BYTE_SIZE = /^([1-9]\d*)(MB|GB|TB)$/;

/** '500MB' or '2GB' as bytes; undefined for anything else. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit] = BYTE_SIZE.exec(text) ?? [];
  const factor = UNITS[unit ?? ''];
  return factor === undefined ? undefined : Number(amount) * factor;
}
