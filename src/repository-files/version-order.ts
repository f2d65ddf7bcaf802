/** Whether a version such as `6.4.1` is `least` or later; parts that are no numbers end it (`8.0.0.beta1` is 8.0.0). */
export function atLeast(version: string, least: string): boolean {
  const [one, other] = [parts(version), parts(least)];
  for (let index = 0; index < other.length; index += 1) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function parts(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);
}
