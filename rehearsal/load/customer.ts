import { randomUUID } from 'node:crypto';
import { leastProducts, leastUsers } from '../shop/seed.ts';
import { exchange, type Reply } from './exchange.ts';
import type { LedgerWriter } from './ledger.ts';
import type { PublicAgent } from './public-agent.ts';

/** Longer than the routers' own limits: whoever waits longest hears from them first. */
const patienceMs = 35_000;
/** A person who is refused presses the button again, at first soon, and gives up after a while. */
const pausesMs = [1000, 3000, 9000];

export interface CustomerOptions {
  agent: PublicAgent;
  hostName: string;
  ledger: LedgerWriter;
  random: () => number;
  note: (reply: Reply) => void;
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Somebody who looks at products, orders, and looks at what was ordered. */
export interface Customer {
  /** One visit: a page, or an order with its repetitions. */
  visit(signal: AbortSignal): Promise<void>;
  /** Acknowledged orders that the shop did not know afterwards. */
  forgotten(): number;
}

const rememberedOrders = 200;

export function createCustomer({ agent, hostName, ledger, random, note, sleep }: CustomerOptions): Customer {
  const orders: string[] = [];
  let forgotten = 0;

  async function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> {
    const reply = await exchange(agent, hostName, { method, path, body, timeoutMs: patienceMs });
    note(reply);
    return reply;
  }

  async function placeOrder(signal: AbortSignal): Promise<void> {
    const body = {
      uuid: randomUUID(),
      userId: 1 + Math.floor(random() * leastUsers),
      lines: Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
        productId: 1 + Math.floor(random() * leastProducts),
        quantity: 1 + Math.floor(random() * 4),
      })),
    };
    for (const pause of [...pausesMs, undefined]) {
      const { status } = await ask('POST', '/orders', body);
      if (status === 200 || status === 201) {
        ledger.add('order', body.uuid);
        orders.push(body.uuid);
        if (orders.length > rememberedOrders) orders.shift();
        return;
      }
      if (pause === undefined || signal.aborted) return;
      await sleep(pause, signal);
    }
  }

  return {
    visit: async (signal) => {
      const what = random();
      const known = orders[Math.floor(random() * orders.length)];
      if (what < 0.4) await placeOrder(signal);
      else if (what < 0.6 && known) {
        const { status } = await ask('GET', `/orders/${known}`);
        if (status === 404) forgotten += 1;
      } else if (what < 0.8) await ask('GET', '/products');
      else await ask('GET', `/products/${1 + Math.floor(random() * leastProducts)}`);
    },
    forgotten: () => forgotten,
  };
}
