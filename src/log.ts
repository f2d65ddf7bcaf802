/** Where a phase tells what it does: one line a fact, grouped by step. The runner's edge and the tests supply it. */
export interface Log {
  info(line: string): void;
  warning(line: string): void;
  debug(line: string): void;
  /** Runs `body` under a title that folds in the runner's log. */
  group<T>(title: string, body: () => Promise<T>): Promise<T>;
}

/** A log that keeps nothing, for callers that have nothing to tell. */
export const silentLog: Log = {
  info: () => undefined,
  warning: () => undefined,
  debug: () => undefined,
  group: (_title, body) => body(),
};
