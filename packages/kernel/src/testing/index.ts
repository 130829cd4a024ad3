export { PacketSocket } from './packet-socket.ts';
export { RawIpSocket } from './raw-ip-socket.ts';
export { temporaryNamespace } from './temporary-namespace.ts';
