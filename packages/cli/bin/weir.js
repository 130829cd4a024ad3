#!/usr/bin/env node
/** The command line. In JavaScript, as all that it needs before the compiled code is found: see `keepCompiledCode`. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { keepCompiledCode } from '@weir/agent/compile-cache';

const { XDG_CACHE_HOME, HOME } = process.env;
keepCompiledCode(join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'weir'));

// `weir trace … | head`: whoever read has read enough. What was begun is finished, and the exit status is the same as if all had been read.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`error: standard output: ${error.message}\n`);
  process.exit(1);
});
process.stderr.on('error', () => {});

const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
