import { once } from 'node:events';

import type { Chromium } from '../../rehearsal/servers/chromium.ts';
import { startProcess, temporaryDirectory } from '../../rehearsal/servers/process.ts';

/** One page of a real browser, driven by its own protocol (Chrome DevTools Protocol), without a library. */
export interface Page {
  open(html: string): Promise<void>;
  /** Of the screen: a phone has a touch screen and a finer one. */
  look(options: {
    width: number;
    height: number;
    scheme: 'light' | 'dark';
    media?: 'print' | 'screen';
  }): Promise<void>;
  evaluate<T>(expression: string): Promise<T>;
  /** The whole page, PNG. */
  screenshot(clip?: { y: number; width: number; height: number }): Promise<Buffer>;
  pdf(): Promise<Buffer>;
  /** Everything that it tried to load, the page itself left out; and what it complained about. */
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
  sessionId?: string;
}

/** Starts the browser; it ends with `stopAll`. */
export async function startBrowser({ program, environment }: Chromium): Promise<Page> {
  const home = temporaryDirectory('browser');
  const address = await new Promise<string>((resolve, reject) => {
    const lines: string[] = [];
    const browser = startProcess(
      program,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--remote-debugging-port=0', `--user-data-dir=${home}`, '--hide-scrollbars', 'about:blank'],
      ],
      {
        env: { ...environment, HOME: home },
        onLine: (line) => {
          lines.push(line);
          const found = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
          if (found !== undefined) resolve(found);
        },
      },
    );
    void browser.exited.then(() => reject(new Error(`The browser ended: ${lines.slice(-5).join(' | ')}`)));
  });
  const socket = new WebSocket(address);
  await once(socket, 'open');
  return drive(socket);
}

async function drive(socket: WebSocket): Promise<Page> {
  const waiting = new Map<number, (message: Message) => void>();
  const requests: string[] = [];
  const complaints: string[] = [];
  let number = 0;
  let loaded: () => void = () => undefined;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const { request, entry } = (message.params ?? {}) as {
      request?: { url: string };
      entry?: { text: string };
    };
    if (message.method === 'Network.requestWillBeSent' && request) requests.push(request.url);
    if (message.method === 'Log.entryAdded' && entry) complaints.push(entry.text);
    if (message.method === 'Page.loadEventFired') loaded();
  });
  let session = '';
  const send = async (
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> => {
    number += 1;
    const id = number;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, ...(session === '' ? {} : { sessionId: session }) }));
    const { result, error } = await answer;
    waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  };
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const attached = await send('Target.attachToTarget', { targetId, flatten: true });
  session = String(attached['sessionId']);
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await send(`${domain}.enable`);

  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result } = (await send('Runtime.evaluate', { expression, returnByValue: true })) as {
      result: { value: T };
    };
    return result.value;
  };
  return {
    requests,
    complaints,
    evaluate,
    async open(html) {
      const done = new Promise<void>((resolve) => (loaded = resolve));
      const url = `data:text/html;charset=utf-8;base64,${Buffer.from(html).toString('base64')}`;
      await send('Page.navigate', { url });
      await done;
      requests.splice(0, requests.length, ...requests.filter((one) => one !== url));
    },
    async look({ width, height, scheme, media = 'screen' }) {
      const mobile = width < 600;
      await send('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor: mobile ? 2 : 1,
        mobile,
      });
      await send('Emulation.setEmulatedMedia', {
        media,
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      });
    },
    async screenshot(clip) {
      const { data } = await send('Page.captureScreenshot', {
        ...{ format: 'png', captureBeyondViewport: true },
        ...(clip === undefined ? {} : { clip: { x: 0, scale: 1, ...clip } }),
      });
      return Buffer.from(String(data), 'base64');
    },
    async pdf() {
      const { data } = await send('Page.printToPDF', { preferCSSPageSize: true, printBackground: true });
      return Buffer.from(String(data), 'base64');
    },
  };
}
