import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What a played platform can be told to do wrong.
 * - `429`, `500`, `503`: the request is not acted on and gets that status with the platform's own error body.
 * - `timeout`: the request is not acted on and never answered; the caller's own limit has to end it.
 * - `cut`: the connection is closed without an answer and without acting.
 * - `truncate`: the request **is** acted on, then the connection is cut in the middle of the answer, so the caller
 *   cannot know whether it happened.
 * - `twice`: the request arrives twice and is acted on twice, as when something on the way repeats it; the caller hears
 *   the second answer only.
 * - a `PlayedRefusal`: the request is not acted on and is refused in the platform's own form, as for a quota.
 */
export type FaultKind = 429 | 500 | 503 | 'timeout' | 'cut' | 'truncate' | 'twice' | PlayedRefusal;

export interface PlayedRefusal {
  status: number;
  id: string;
  message: string;
}

/** One order to fail: which requests, how many of them, and how. */
export interface Fault {
  /** Only this HTTP method; every method when left out. */
  method?: string;
  /** Only paths (with query) that match; every path when left out. */
  path?: RegExp;
  /** How many matching requests fail. */
  times: number;
  /** How many matching requests pass before the first failing one. */
  after?: number;
  kind: FaultKind;
}

/** The switch by which a test makes a played platform fail. */
export interface FaultSwitch {
  /** Answers how many requests have met the fault so far. */
  inject(fault: Fault): () => number;
  /** Asked by the platform once per request: the fault that this request must suffer, used up by the question. */
  take(method: string, path: string): FaultKind | undefined;
  clear(): void;
}

export function createFaultSwitch(): FaultSwitch {
  let orders: { fault: Fault; passing: number; left: number }[] = [];
  return {
    inject: (fault) => {
      const order = { fault, passing: fault.after ?? 0, left: fault.times };
      orders.push(order);
      return () => fault.times - order.left;
    },
    take: (method, path) => {
      for (const order of orders) {
        if (!matches(order.fault, method, path)) continue;
        if (order.passing > 0) {
          order.passing -= 1;
          continue;
        }
        if (order.left <= 0) continue;
        order.left -= 1;
        return order.fault.kind;
      }
      return undefined;
    },
    clear: () => {
      orders = [];
    },
  };
}

function matches(fault: Fault, method: string, path: string): boolean {
  return (fault.method ?? method) === method && (fault.path?.test(path) ?? true);
}

/** Carries out the two faults that need no answer. Returns whether it did. */
export function sufferSilently(kind: FaultKind, request: IncomingMessage): boolean {
  if (kind === 'timeout') {
    request.resume();
    return true;
  }
  if (kind === 'cut') {
    request.socket.destroy();
    return true;
  }
  return false;
}

/** Sends the head and half of a body, then cuts the connection. The head must not have been sent yet. */
export function sendTruncated(response: ServerResponse, status: number, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-length': Math.max(bytes.length, 2) });
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
}
