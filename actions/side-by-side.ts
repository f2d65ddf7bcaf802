/** Runs both at the same time. When one fails the other is stopped and waited for, and that failure is the one told. */
export async function sideBySide<First, Second>(
  signal: AbortSignal,
  first: (signal: AbortSignal) => Promise<First>,
  second: (signal: AbortSignal) => Promise<Second>,
): Promise<[First, Second]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const stopTheOther = (reason: unknown): never => {
    stop.abort(reason);
    throw reason;
  };
  const [one, other] = await Promise.allSettled([
    first(either).catch(stopTheOther),
    second(either).catch(stopTheOther),
  ]);
  if (stop.signal.aborted) throw stop.signal.reason;
  if (one.status === 'rejected') throw one.reason;
  if (other.status === 'rejected') throw other.reason;
  return [one.value, other.value];
}
