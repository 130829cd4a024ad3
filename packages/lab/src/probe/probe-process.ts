/** Runs in a container (or on a host) and measures from there; see probe.ts for what it is asked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { serveLines } from '../line-process.ts';
import type { HttpReply, ProbeRequest } from './probe.ts';

/** How often a watch tries, and a held connection asks. */
const PACE_MS = 2;
/** What has not answered for so long is cut off: some hundred times what an answer takes here, shorter than TCP's first retransmission timers add up to. */
const SILENCE_MS = 600;

const held = new Map<string, Promise<{ at: number; answered: number }>>();

await serveLines((request) => answer(request as unknown as ProbeRequest));

function answer(request: ProbeRequest): Promise<unknown> {
  switch (request.operation) {
    case 'http':
      return fetchOnce(request.url, request.timeoutMs);
    case 'ping':
      return ping(request.address, request.timeoutMs);
    case 'hold':
      return hold(request.name, request.url);
    case 'cut':
      return untilCut(request.name, request.limitMs);
    case 'watch':
      return watch(request.address, request.port, request.until, request.limitMs);
  }
}

async function fetchOnce(url: string, timeoutMs: number): Promise<HttpReply> {
  const start = monotonicMs();
  try {
    const { status, body } = await httpGet(url, { timeoutMs });
    return { ok: status === 200, status, body, start, took: monotonicMs() - start };
  } catch (error) {
    return { ok: false, error: (error as Error).message, start, took: monotonicMs() - start };
  }
}

async function httpGet(url: string, { agent, timeoutMs }: { agent?: Agent; timeoutMs: number }): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const request = get(url, { agent: agent ?? false, signal });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: (await text(response)).trim() };
}

async function ping(address: string, timeoutMs: number): Promise<boolean> {
  const child = spawn('ping', ['-n', '-q', '-c1', `-W${timeoutMs / 1000}`, address], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

/** Opens one connection and asks again and again over it; answers when the first answer is there. */
async function hold(name: string, url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await httpGet(url, { agent, timeoutMs: SILENCE_MS });
  held.set(name, untilSilent(url, agent));
}

async function untilCut(name: string, limitMs: number): Promise<{ at: number; answered: number } | null> {
  const silent = held.get(name);
  if (!silent) throw new Error(`no connection is held as '${name}'`);
  return Promise.race([silent, delay(limitMs, null, { ref: false })]);
}

async function untilSilent(url: string, agent: Agent): Promise<{ at: number; answered: number }> {
  for (let answered = 1; ; answered++) {
    const at = monotonicMs();
    try {
      await httpGet(url, { agent, timeoutMs: SILENCE_MS });
    } catch {
      agent.destroy();
      return { at, answered };
    }
    await delay(PACE_MS);
  }
}

/**
 * Starts a new connection every two milliseconds. `open`: the start of the first one that got through. `closed`: the start of the first
 * one after which none got through any more.
 */
async function watch(address: string, port: number, until: 'open' | 'closed', limitMs: number): Promise<{ at: number }> {
  const begin = monotonicMs();
  const opened: number[] = [];
  const failed: number[] = [];
  const running = new Set<Promise<void>>();
  try {
    for (;;) {
      const now = monotonicMs();
      if (until === 'open' && opened.length > 0) return { at: Math.min(...opened) };
      const closedSince = failed.filter((start) => start > (opened.at(-1) ?? 0)).reduce((first, start) => Math.min(first, start), Infinity);
      // By then the later attempts have had all the time that they need to succeed.
      if (until === 'closed' && now - closedSince > 2 * SILENCE_MS) return { at: closedSince };
      if (now - begin > limitMs) throw new Error(`${address} port ${port} is not ${until} after ${limitMs} ms`);
      const attempt = connects(address, port).then((through) => {
        (through ? opened : failed).push(now);
        running.delete(attempt);
      });
      running.add(attempt);
      await delay(PACE_MS);
    }
  } finally {
    await Promise.all(running);
  }
}

function connects(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (through: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(through);
    };
    const timer = setTimeout(() => end(false), SILENCE_MS);
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
