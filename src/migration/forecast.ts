/** What one phase of the window took in practice. */
export interface MeasuredPhase {
  name: string;
  milliseconds: number;
}
export interface Forecast {
  /** Milliseconds of downtime. */
  low: number;
  expected: number;
  high: number;
  budget: number;
  fits: boolean;
  phases: { name: string; low: number; expected: number; high: number }[];
  /** One sentence for the reviewer. */
  verdict: string;
}
export function forecastWindow(_o: { measured: readonly MeasuredPhase[]; budgetMs: number }): Forecast {
  throw new Error('not written yet');
}
