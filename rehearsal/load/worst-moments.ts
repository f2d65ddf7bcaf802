import type { LoadReport } from './report.ts';

/** When visitors fared worst, to lay beside the steps of a cutover: the longest outage, and the second in which somebody waited longest. */
export function worstMoments({ startedAt, outages, timeline }: LoadReport): string[] {
  const [outage] = outages.toSorted((one, other) => lengthOf(other) - lengthOf(one));
  const [slowest] = timeline.toSorted((one, other) => other.slowestMs - one.slowestMs);
  return [
    ...(outage === undefined
      ? []
      : [
          `${outage.client} was refused from ${time(outage.from)} UTC ${outage.until === null ? 'to the end' : `to ${time(outage.until)} UTC`}`,
        ]),
    ...(slowest === undefined
      ? []
      : [
          `the longest wait, of ${(slowest.slowestMs / 1000).toFixed(1)} s, began at ${time(Date.parse(startedAt) + slowest.second * 1000)} UTC`,
        ]),
  ];
}

function lengthOf({ from, until }: LoadReport['outages'][number]): number {
  return (until ?? Number.POSITIVE_INFINITY) - from;
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(11, 19);
}
