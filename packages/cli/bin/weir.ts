#!/usr/bin/env node
import { keepCompiledCode } from '../src/compile-cache.ts';

keepCompiledCode();

// `weir get … | head`: whoever read has read enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
