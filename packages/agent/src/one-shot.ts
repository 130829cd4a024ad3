#!/usr/bin/env node
/**
 * One CNI call without an agent: `node one-shot.ts --config agent.yaml <tool>`, environment and standard input as CNI has them. The
 * launcher runs it when no agent answers.
 */
import { keepCompiledCode } from './compile-cache.ts';

keepCompiledCode('/var/cache/weir');
await import('./calls/serve-one-call.ts');
