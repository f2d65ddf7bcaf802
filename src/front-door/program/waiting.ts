/** Somebody who wants to be served: a request or an upgrade. */
export interface Visitor {
  /** When waiting ends in a refusal, in milliseconds as of `performance.now()`. */
  deadline: number;
  pass(): void;
  refuse(reason: 'too-long' | 'too-many'): void;
}

/**
 * How many may wait. Bodies are not read: what one costs is its headers, and what of its body lies in buffers until back
 * pressure reaches the router, about 100 KB. The smallest dyno has 512 MB.
 */
const WAITING_LIMIT = 2_000;

/** Let in like this, 2,000 who waited are through within a second, and share connections that are open already. */
const STEP = 20;
const STEP_EVERY_MS = 10;

/** The queue in front of the door: first come, first served. */
export class Waiting {
  readonly #queue = new Map<Visitor, NodeJS.Timeout>();
  readonly #limit: number;
  #open = false;
  #step: NodeJS.Timeout | undefined;

  constructor(limit: number = WAITING_LIMIT) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#queue.size;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Passes the visitor at once when the door is open and nobody is in front; otherwise sooner or later, or refuses. */
  enter(visitor: Visitor): void {
    if (this.#open && this.#queue.size === 0) {
      visitor.pass();
      return;
    }
    const leftMs = visitor.deadline - performance.now();
    if (leftMs <= 0 || this.#queue.size >= this.#limit) {
      visitor.refuse(leftMs <= 0 ? 'too-long' : 'too-many');
      return;
    }
    const timer = setTimeout(() => {
      if (this.#queue.delete(visitor)) visitor.refuse('too-long');
    }, leftMs);
    this.#queue.set(visitor, timer);
  }

  /** For one who went away. */
  leave(visitor: Visitor): void {
    clearTimeout(this.#queue.get(visitor));
    this.#queue.delete(visitor);
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#passNext();
  }

  shut(): void {
    this.#open = false;
    clearTimeout(this.#step);
  }

  #passNext(): void {
    for (const visitor of [...this.#queue.keys()].slice(0, STEP)) {
      this.leave(visitor);
      visitor.pass();
    }
    if (this.#queue.size > 0)
      this.#step = setTimeout(() => {
        this.#passNext();
      }, STEP_EVERY_MS);
  }
}
