export { type CertificateFiles, createTestAuthority, type TestAuthority } from './certificates.ts';
export { type EtcdServer, startEtcdServer } from './etcd-server.ts';
export { temporaryStore } from './temporary-store.ts';
