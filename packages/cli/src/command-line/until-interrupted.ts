/** For commands that go on until they are told to end: by a signal, or since nobody reads what they print. */
export function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  process.stdout.once('error', interrupt);
  return interrupted.signal;
}
