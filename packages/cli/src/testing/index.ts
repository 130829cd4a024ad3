export { CommandServer } from './command-server.ts';
export type { Run } from './command-server-process.ts';
