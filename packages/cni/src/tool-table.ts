import type { Tool } from './tool.ts';
import { weir } from './tools/weir.ts';
import { weirIpam } from './tools/weir-ipam.ts';
import { weirPolicy } from './tools/weir-policy.ts';
import { weirRoute } from './tools/weir-route.ts';

/** Every tool by the name that its binary has in the plugin folder. */
export const TOOLS: ReadonlyMap<string, Tool> = new Map([weir, weirRoute, weirPolicy, weirIpam].map((tool) => [tool.name, tool]));
