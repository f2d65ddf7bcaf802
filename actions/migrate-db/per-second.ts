/** A rate in whole numbers; what took no time at all is taken for a millisecond. */
export function perSecond(amount: number, milliseconds: number): number {
  return Math.round((amount * 1000) / Math.max(milliseconds, 1));
}
