#!/usr/bin/env node
/** The command line. In JavaScript, as all that it needs before the compiled code is found: see `keepCompiledCode`. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { keepCompiledCode } from '@weir/agent/compile-cache';

const { XDG_CACHE_HOME, HOME } = process.env;
keepCompiledCode(join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'weir'));

// `weir get … | head`: whoever read has read enough. Commands that change something go on: see `finishUnheard`.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
