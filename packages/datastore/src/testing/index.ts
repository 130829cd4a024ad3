export { type CertificateFiles, createTestAuthority, type TestAuthority } from './certificates.ts';
export { type EtcdServer, type EtcdServerOptions, startEtcdServer } from './etcd-server.ts';
export { temporaryStore } from './temporary-store.ts';
