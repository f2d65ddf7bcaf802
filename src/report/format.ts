const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, as DigitalOcean and Heroku sell them: 1500000 → "1.5 MB". */
export function formatBytes(bytes: number): string {
  let power = Math.min(BYTES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  // 999,950 bytes are 1.0 MB, not 1000 kB.
  if (power < BYTES.length - 1 && Math.round(bytes / 1000 ** power) >= 1000) power += 1;
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${BYTES[power] ?? 'B'}`;
}

/** 450 → "450 ms", 12_340 → "12.3 s", 250_000 → "4 min 10 s", 7_500_000 → "2 h 5 min". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 1234567 → "1,234,567". */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
