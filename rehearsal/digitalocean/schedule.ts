/** Timers that end with the world: nothing fires after `stop`, and none keeps the process alive. */
export class Schedule {
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Runs `action` once, after `milliseconds`. */
  later(milliseconds: number, action: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    timer.unref();
    this.#timers.add(timer);
  }

  /** Runs `action` every `milliseconds`; the function that is returned ends it. */
  every(milliseconds: number, action: () => void): () => void {
    if (this.#stopped) return () => undefined;
    const timer = setInterval(action, milliseconds);
    timer.unref();
    this.#timers.add(timer);
    return () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    };
  }

  /** Resolves after `milliseconds`, or at once when stopped. */
  wait(milliseconds: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.later(milliseconds, () => {
        this.#waiting.delete(resolve);
        resolve();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const resolve of this.#waiting) resolve();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
