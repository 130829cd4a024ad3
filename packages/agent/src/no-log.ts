import type { Logger } from './log.ts';

const none = (): void => {};

/** For a process that serves one call: what its caller is to know is in the answer, and the library would take longer to load than a line to write. */
export const NO_LOG: Logger = { debug: none, info: none, warn: none, error: none, child: () => NO_LOG };
