/**
 * Runs tasks at the same time. The first failure aborts the signal of the others, and is thrown when all have ended, so
 * that nothing goes on behind the caller's back.
 */
export async function together<Results extends readonly unknown[]>(
  signal: AbortSignal | undefined,
  tasks: { [Index in keyof Results]: (signal: AbortSignal) => Promise<Results[Index]> },
): Promise<Results> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const done = await Promise.allSettled(
    tasks.map(async (task) => {
      try {
        return await task(either);
      } catch (thrown) {
        stop.abort(thrown);
        throw thrown;
      }
    }),
  );
  if (stop.signal.aborted) throw stop.signal.reason;
  return done.map((one) => (one.status === 'fulfilled' ? one.value : undefined)) as unknown as Results;
}
