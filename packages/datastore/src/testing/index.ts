export { type EtcdServer, type EtcdServerOptions, startEtcdServer } from './etcd-server.ts';
