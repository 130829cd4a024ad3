export { PacketSocket } from './packet-socket.ts';
export { RawIpSocket } from './raw-ip-socket.ts';
export { runWithin, temporaryNamespace } from './temporary-namespace.ts';
