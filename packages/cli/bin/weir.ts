#!/usr/bin/env node
import { main } from '../src/main.ts';

// `weir get … | head`: whoever read has read enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await main(process.argv.slice(2));
