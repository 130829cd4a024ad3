/** Runs in a network namespace and sends, answers and counts packets there; see traffic.ts for what it is asked. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { AttemptsState, StreamState, Target, TrafficRequest } from './traffic.ts';

/** Between two questions of a stream, and between two attempts. */
const PACE_MS = 5;
const RESEND_MS = 100;
const ATTEMPT_MS = 1000;

const streams = new Map<string, StreamState>();
const attempts = new Map<string, AttemptsState>();
const heard = new Set<string>();

// Not the lab's serveLines: this process is started many times, and the lab takes longer to load than all that is here.
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...request } = JSON.parse(line) as { id: number } & TrafficRequest;
  const tell = (content: object) => process.stdout.write(`${JSON.stringify({ id, ...content })}\n`);
  answer(request as TrafficRequest).then(
    (reply) => tell({ reply }),
    (error: Error) => tell({ error: error.message }),
  );
}
process.exit();

async function answer(request: TrafficRequest): Promise<unknown> {
  switch (request.operation) {
    case 'listen':
      await Promise.all([...request.tcp.map(listenTcp), ...request.udp.map(listenUdp)]);
      return null;
    case 'tcp':
      return askOverTcp(request, request.timeoutMs);
    case 'udp':
      return askOverUdp(request, request.timeoutMs);
    case 'refusal':
      return request.protocol === 'tcp' ? refusalOfTcp(request, request.timeoutMs) : refusalOfUdp(request, request.timeoutMs);
    case 'ping':
      return ping(request.address);
    case 'stream':
      return startStream(request.name, request);
    case 'datagrams':
      return sendDatagrams(request);
    case 'stream-state':
      return lookAt(streams.get(request.name));
    case 'attempts':
      return startAttempts(request.name, request);
    case 'attempts-state':
      return attempts.get(request.name);
    case 'heard':
      return [...heard];
    case 'retransmissions':
      return countRetransmissions();
  }
}

async function listenTcp(port: number): Promise<void> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await once(server.listen(port, '::'), 'listening');
}

async function listenUdp(port: number): Promise<void> {
  const socket = createSocket('udp6');
  socket.on('message', (message, from) => {
    heard.add(from.address.replace(/^::ffff:/, ''));
    socket.send(message, from.port, from.address);
  });
  socket.bind(port, '::');
  await once(socket, 'listening');
}

function open({ address, port, source }: Target): Socket {
  const socket = connect({ host: address, port, ...(source !== undefined && { localAddress: source }) });
  return socket.setNoDelay(true);
}

function askOverTcp(target: Target, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = open(target);
    const end = (came: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(came);
    };
    const timer = setTimeout(end, timeoutMs, false);
    socket.once('connect', () => socket.write('?'));
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}

async function askOverUdp({ address, port, source }: Target, timeoutMs: number): Promise<boolean> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  if (source !== undefined) socket.bind(0, source);
  const came = once(socket, 'message').then(() => true);
  const limit = performance.now() + timeoutMs;
  try {
    for (;;) {
      socket.send('?', port, address, () => {});
      if (await Promise.race([came, delay(RESEND_MS, false)])) return true;
      if (performance.now() > limit) return false;
    }
  } finally {
    socket.close();
  }
}

function refusalOfTcp(target: Target, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = open(target);
    const end = (told: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(told);
    };
    const timer = setTimeout(end, timeoutMs, null);
    socket.once('connect', () => end(null));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** Only a connected socket is told of ICMP errors. */
function refusalOfUdp({ address, port }: Target, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const end = (told: string | null) => {
      clearTimeout(timer);
      socket.close();
      resolve(told);
    };
    const timer = setTimeout(end, timeoutMs, null);
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.connect(port, address, (error?: NodeJS.ErrnoException) => {
      if (error) end(error.code ?? error.message);
      else socket.send('?');
    });
  });
}

async function sendDatagrams({ address, port }: Target): Promise<number> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  socket.bind(0);
  await once(socket, 'listening');
  setInterval(() => socket.send('?', port, address, () => {}), PACE_MS);
  return socket.address().port;
}

async function ping(address: string): Promise<boolean> {
  const child = spawn('ping', ['-n', '-q', '-c1', '-W1', address], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

async function startStream(name: string, target: Target & { bytes?: number }): Promise<null> {
  const socket = open(target);
  const state: StreamState = { answered: 0, lastAnswerAt: 0, longestGapMs: 0 };
  const question = Buffer.alloc(target.bytes ?? 1, '?');
  let awaited = question.length;
  streams.set(name, state);
  socket.on('error', (error) => {
    state.ended = error.message;
  });
  socket.on('close', () => {
    state.ended ??= 'closed';
  });
  socket.on('data', (answer) => {
    awaited -= answer.length;
    if (awaited > 0) return;
    awaited = question.length;
    state.answered++;
    const now = monotonicMs();
    if (state.lastAnswerAt > 0) state.longestGapMs = Math.max(state.longestGapMs, now - state.lastAnswerAt);
    state.lastAnswerAt = now;
    setTimeout(() => socket.write(question), PACE_MS);
  });
  socket.once('connect', () => socket.write(question));
  await once(socket, 'data');
  return null;
}

/** The next look begins to measure anew. A gap that has not ended counts as far as it is. */
function lookAt(state: StreamState | undefined): StreamState | undefined {
  if (state === undefined) return undefined;
  const seen = { ...state, longestGapMs: Math.max(state.longestGapMs, monotonicMs() - state.lastAnswerAt) };
  state.longestGapMs = 0;
  return seen;
}

// Hoisted: what comes after the loop above is never evaluated.
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function startAttempts(name: string, target: Target): null {
  const state: AttemptsState = { tried: 0, through: 0, failed: 0 };
  attempts.set(name, state);
  setInterval(() => {
    state.tried++;
    const socket = open(target);
    let isThrough = false;
    socket.setTimeout(ATTEMPT_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => {
      if (!isThrough) state.failed++;
    });
    socket.once('connect', () => {
      isThrough = true;
      state.through++;
      socket.destroy();
    });
  }, PACE_MS);
  return null;
}

/** Of this network namespace (RFC 4022, tcpRetransSegs). */
function countRetransmissions(): number {
  const [names = [], values = []] = readFileSync('/proc/self/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('RetransSegs')]);
}
