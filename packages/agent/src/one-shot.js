#!/usr/bin/env node
/**
 * One CNI call without an agent: `node one-shot.js --config agent.yaml <tool>`, environment and standard input as CNI has them. The
 * launcher runs it when no agent answers. From the bundle that `weir cni install` made of it, or from its sources.
 */
import { currentBundle } from './calls/one-shot-bundle.js';
import { keepCompiledCode } from './compile-cache.js';

keepCompiledCode('/var/cache/weir');
await import(currentBundle() ?? './calls/serve-one-call.ts');
