export { COMMANDS } from './commands.ts';
export { EXIT, type ExitStatus } from './exit-status.ts';
export { main } from './main.ts';
