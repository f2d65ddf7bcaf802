/** What ids of stream entries begin with and end before: two 64-bit numbers, milliseconds and a sequence. */
export const FIRST_ID = '0-0';

const LARGEST = 2n ** 64n - 1n;

/** Below 0 when the first comes before the other. Ids are as the server writes them, without leading zeros. */
export function compareIds(one: string, other: string): number {
  const [time = '', sequence = ''] = one.split('-');
  const [otherTime = '', otherSequence = ''] = other.split('-');
  return compareNumbers(time, otherTime) || compareNumbers(sequence, otherSequence);
}

/** The smallest id after this one (a range that excludes its beginning needs Redis 6.2); null after the last. */
export function idAfter(id: string): string | null {
  const [time = 0n, sequence = 0n] = id.split('-').map(BigInt);
  if (sequence < LARGEST) return `${time}-${sequence + 1n}`;
  return time < LARGEST ? `${time + 1n}-0` : null;
}

/** Numbers of more digits than a JavaScript number holds. */
function compareNumbers(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}
