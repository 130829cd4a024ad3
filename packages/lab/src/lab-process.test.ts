import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { endProcesses, identifyProcess, isRunning } from './lab-process.ts';

test('a process that does not hear SIGTERM is ended all the same; a zombie counts as ended', async (t) => {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const process = identifyProcess(child.pid!, 'deaf')!;
  t.true(isRunning(process));
  await endProcesses([process]);
  t.false(isRunning(process));
});

test('another process with the same number is left alone', async (t) => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const process = identifyProcess(child.pid!, 'sleep')!;
  await endProcesses([{ ...process, startTime: '1' }]);
  t.true(isRunning(process));
});

test('what has ended is not identified', (t) => {
  t.is(identifyProcess(2 ** 22 + 1, 'nobody'), undefined);
});
