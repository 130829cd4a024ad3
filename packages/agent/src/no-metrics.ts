import type { Metrics } from './metrics.ts';

const none = { inc() {}, set() {}, observe() {}, startTimer: () => () => 0 };

/** For a process that serves one call: nobody reads its metrics, and loading their library takes longer than the call's work. */
export const NO_METRICS: Metrics = {
  cniDuration: none,
  dataplaneDuration: none,
  dataplaneFailures: none,
  flowsCut: none,
  deniedPackets: none,
  flowRecords: none,
  flowPacketsLost: none,
  flowEndsLost: none,
  mutedSources: none,
  mutedDestinations: none,
  dnsMessages: none,
  endpoints: none,
  routesFailed: none,
  invalidObjects: none,
  storeConnected: none,
  mesosConnected: none,
  tasksAwaited: none,
  marathonLeading: none,
  marathonConnected: none,
  marathonFaults: none,
  marathonEvents: none,
  marathonFailures: none,
  remoteConnected: none,
  remoteEndpoints: none,
  orphansRemoved: none,
  bgpSessions: none,
  bgpReloads: none,
};
