/** Somebody who wants to be served: a request or an upgrade. */
export interface Visitor {
  /** When waiting ends in a refusal, in milliseconds as of `performance.now()`. */
  deadline: number;
  /** `through` is called once there is a connection, or will be none. */
  pass(through: () => void): void;
  refuse(reason: 'too-long' | 'too-many'): void;
}

/**
 * How many may wait. Bodies are not read: what one costs is its headers, and what of its body lies in buffers until back
 * pressure reaches the router, about 100 KB. The smallest dyno has 512 MB.
 */
const WAITING_LIMIT = 2_000;

/**
 * So many may be getting their connection at once. More at a time are no faster: their handshakes only take each other's
 * time until all of them take too long.
 */
const PASSING_LIMIT = 50;

/** The queue in front of the door: first come, first served. */
export class Waiting {
  readonly #queue = new Map<Visitor, NodeJS.Timeout>();
  readonly #limit: number;
  #open = false;
  #passing = 0;

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
    if (this.#queue.size === 0 && this.#mayPass()) {
      this.#pass(visitor);
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
    this.#open = true;
    this.#passNext();
  }

  shut(): void {
    this.#open = false;
  }

  #mayPass(): boolean {
    return this.#open && this.#passing < PASSING_LIMIT;
  }

  #passNext(): void {
    for (const visitor of this.#queue.keys()) {
      if (!this.#mayPass()) return;
      this.leave(visitor);
      this.#pass(visitor);
    }
  }

  #pass(visitor: Visitor): void {
    let through = false;
    this.#passing += 1;
    visitor.pass(() => {
      if (through) return;
      through = true;
      this.#passing -= 1;
      setImmediate(() => {
        this.#passNext();
      });
    });
  }
}
