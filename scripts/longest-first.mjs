import { statSync } from 'node:fs';

/** A short file whose tests take a minute or more: begun last, it would be waited for alone. */
const WHOLE_MIGRATIONS = /\/test\/rehearsal\/(chaos\/chaos|leaves-nothing)\.test\.ts$/;
/** Bytes: in the middle of the large files, so that it does not run beside the other whole migrations either. */
const AS_IF_LARGE = 12_000;

/** Jest's own order on a clean checkout, where nothing is known of durations: large files first. */
export default class LongestFirst {
  sort(tests) {
    const size = ({ path }) => (WHOLE_MIGRATIONS.test(path) ? AS_IF_LARGE : statSync(path).size);
    const sizes = new Map(tests.map((test) => [test, size(test)]));
    return [...tests].sort((one, other) => sizes.get(other) - sizes.get(one));
  }

  cacheResults() {
    // Nothing is remembered: the order is the same on every machine.
  }
}
