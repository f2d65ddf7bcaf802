/** What one part of the window took in practice, milliseconds. */
export interface MeasuredPhase {
  name: string;
  milliseconds: number;
}

export interface ForecastPhase {
  name: string;
  low: number;
  expected: number;
  high: number;
}

/** All in milliseconds of downtime. */
export interface Forecast {
  low: number;
  expected: number;
  high: number;
  budget: number;
  /** Whether even the upper end stays within the budget. */
  fits: boolean;
  phases: ForecastPhase[];
  /** One sentence for the reviewer. */
  verdict: string;
}

// Assumed, not measured: one practice run tells nothing of the spread. Wide enough that a busy source stays inside.
const LOW = 0.8;
const HIGH = 1.6;

/**
 * Says how long the window will be from what the practice run measured, phase by phase. The highs add up, which is
 * careful: that all phases are slow at once is unlikely, and a promise of downtime may only err to that side.
 */
export function forecastWindow(o: { measured: readonly MeasuredPhase[]; budgetMs: number }): Forecast {
  const phases = o.measured.map(({ name, milliseconds }) => ({
    name,
    low: Math.round(milliseconds * LOW),
    expected: Math.round(milliseconds),
    high: Math.round(milliseconds * HIGH),
  }));
  const sum = (of: (phase: ForecastPhase) => number): number =>
    phases.reduce((total, phase) => total + of(phase), 0);
  const forecast = {
    low: sum(({ low }) => low),
    expected: sum(({ expected }) => expected),
    high: sum(({ high }) => high),
  };
  const fits = o.measured.length > 0 && forecast.high <= o.budgetMs;
  return {
    ...forecast,
    budget: o.budgetMs,
    fits,
    phases,
    verdict: verdictOf(forecast, o.budgetMs, o.measured.length),
  };
}

function verdictOf(
  forecast: { low: number; expected: number; high: number },
  budget: number,
  measured: number,
): string {
  if (measured === 0) return 'Nothing was measured yet, so the downtime is not known: run migrate-db first.';
  const range = `${seconds(forecast.low)} to ${seconds(forecast.high)}, expected ${seconds(forecast.expected)}`;
  if (forecast.high <= budget) return `Downtime forecast: ${range}; within the budget of ${seconds(budget)}.`;
  return forecast.expected <= budget
    ? `Downtime forecast: ${range}; it may exceed the budget of ${seconds(budget)}.`
    : `Downtime forecast: ${range}; above the budget of ${seconds(budget)}.`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
