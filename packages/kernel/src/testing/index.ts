export { PacketSocket } from './packet-socket.ts';
export { temporaryNamespace } from './temporary-namespace.ts';
