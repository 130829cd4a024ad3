/** What the agent counts and times; names follow Prometheus' conventions (base units, _total, _seconds). */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

type AllMetrics = ReturnType<typeof createMetrics>;

/** As those who measure know them; see `NO_METRICS` for a process in which nobody reads them. */
export type Metrics = { [Name in Exclude<keyof AllMetrics, 'registry'>]: Pick<AllMetrics[Name], Extract<keyof AllMetrics[Name], Measure>> };

type Measure = 'inc' | 'set' | 'observe' | 'startTimer';

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    cniDuration: new Histogram({
      name: 'weir_cni_duration_seconds',
      help: 'Time of CNI calls in the agent',
      labelNames: ['tool', 'command', 'outcome'],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    dataplaneDuration: new Histogram({
      name: 'weir_dataplane_apply_seconds',
      help: 'Time from a calculated change to the kernel having it',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1],
      registers,
    }),
    dataplaneFailures: new Counter({ name: 'weir_dataplane_failures_total', help: 'Transactions that the kernel refused', registers }),
    flowsCut: new Counter({
      name: 'weir_flows_cut_total',
      help: 'Established flows removed because policy no longer allows them',
      registers,
    }),
    deniedPackets: new Counter({
      name: 'weir_denied_packets_total',
      help: 'Packets that the table dropped',
      labelNames: ['reason'],
      registers,
    }),
    flowRecords: new Counter({
      name: 'weir_flow_records_total',
      help: 'Flows recorded, each once in 10 seconds',
      labelNames: ['verdict'],
      registers,
    }),
    mutedSources: new Counter({
      name: 'weir_muted_sources_total',
      help: 'Times that a source of so many denied packets was counted only, until the window of flow records ended.',
      registers,
    }),
    mutedDestinations: new Counter({
      name: 'weir_muted_destinations_total',
      help: 'Times that denied packets to a destination that many sources flooded were counted only, until the window of flow records ended.',
      registers,
    }),
    flowPacketsLost: new Counter({
      name: 'weir_flow_packets_lost_total',
      help: 'Times that packets which the table told of could not be taken in',
      registers,
    }),
    flowEndsLost: new Counter({
      name: 'weir_flow_ends_lost_total',
      help: 'Times that flows ended faster than their last counts could be taken in',
      registers,
    }),
    endpoints: new Gauge({ name: 'weir_endpoints', help: "This host's endpoints", registers }),
    dnsMessages: new Counter({
      name: 'weir_dns_messages_total',
      help: "Questions that this host's DNS server had",
      labelNames: ['outcome'],
      registers,
    }),
    routesFailed: new Gauge({ name: 'weir_routes_failed', help: 'Routes that the kernel refused', registers }),
    invalidObjects: new Gauge({ name: 'weir_invalid_objects', help: 'Stored objects that do not parse', registers }),
    storeConnected: new Gauge({ name: 'weir_store_connected', help: '1 while the store answers', registers }),
    mesosConnected: new Gauge({ name: 'weir_mesos_agent_connected', help: '1 while the Mesos agent answers', registers }),
    tasksAwaited: new Gauge({ name: 'weir_tasks_awaited', help: 'Endpoints of Mesos whose task is not known', registers }),
    marathonLeading: new Gauge({ name: 'weir_marathon_leading', help: '1 while this agent follows Marathon for the cluster', registers }),
    marathonConnected: new Gauge({ name: 'weir_marathon_connected', help: '1 while Marathon answers this agent', registers }),
    marathonEvents: new Counter({
      name: 'weir_marathon_events_total',
      help: "Events of Marathon's stream: those after which an app may be another one, and others",
      labelNames: ['kind'],
      registers,
    }),
    marathonFailures: new Counter({
      name: 'weir_marathon_failures_total',
      help: 'Looks at Marathon that failed, by what did: request, store, or the event stream',
      labelNames: ['what'],
      registers,
    }),
    marathonFaults: new Gauge({
      name: 'weir_marathon_faults',
      help: 'Apps with labels that cannot be followed, or that Marathon tells of in a way that cannot be read',
      registers,
    }),
    remoteConnected: new Gauge({
      name: 'weir_remote_cluster_connected',
      help: "1 while the other cluster's store answers this agent, of those that it reads",
      labelNames: ['cluster'],
      registers,
    }),
    remoteEndpoints: new Gauge({
      name: 'weir_remote_endpoints',
      help: 'Endpoints of the other clusters that this agent reads: those that are peers here, and those that are refused',
      labelNames: ['cluster', 'state'],
      registers,
    }),
    orphansRemoved: new Counter({
      name: 'weir_orphans_removed_total',
      help: 'Endpoints, links and addresses collected because nothing that lives has them',
      labelNames: ['kind'],
      registers,
    }),
    bgpSessions: new Gauge({ name: 'weir_bgp_sessions', help: 'BGP sessions of this host, up and down', labelNames: ['state'], registers }),
    bgpReloads: new Counter({
      name: 'weir_bgp_reloads_total',
      help: 'Times that a running BIRD was given another configuration',
      registers,
    }),
  };
}
