export { monotonicMs } from './clock.ts';
export { Cluster, type ClusterOptions, type StoreBackend } from './cluster.ts';
export { startProbe } from './container/container-probe.ts';
export { type Container, Containerizer, nsenterArguments } from './container/containerizer.ts';
export { type BgpRouter, type Fabric, fabricOf } from './fabric.ts';
export type { NetworkInfo } from './isolator/network-info.ts';
export type { PluginAnswer, PluginCall } from './isolator/plugin-process.ts';
export { LabFolder } from './lab-folder.ts';
export { AGENT_HTTP, LabHost, type NetworkFile } from './lab-host.ts';
export { findLeftovers, readMachineState, takeInventory } from './leftovers.ts';
export { LineProcess, serveLines } from './line-process.ts';
export { MarathonServer } from './marathon-double/marathon-server.ts';
export { MesosAgentDouble } from './marathon-double/mesos-agent-double.ts';
export { Scheduler } from './marathon-double/scheduler.ts';
export { startMarathon } from './marathon-double/start-marathon.ts';
export { type HttpReply, Probe } from './probe/probe.ts';
export { portOf } from './switch-network.ts';
export {
  DUAL_HOMED,
  flat,
  hostLinks,
  IPV6_ONLY,
  ISOLATED_HOST,
  LOSSY_RACK,
  OUTSIDE,
  type Router,
  type Subnet,
  THREE_SUBNETS,
  type Topology,
  TWO_RACKS,
  TWO_UPLINKS,
} from './topology.ts';
