/**
 * What Weir has in place of each key of a Calico CNI configuration (Calico's own reference: cni-plugin/pkg/types/types.go). Keys that
 * convert-config.ts carries over are not here.
 */
const AGENT = 'a setting of the agent, in /etc/weir/agent.yaml:';

export const CALICO_KEYS: Readonly<Record<string, string>> = {
  etcd_authority: `${AGENT} store.etcd.endpoints`,
  etcd_discovery_srv: 'endpoints are not looked up in DNS: name them in store.etcd.endpoints of /etc/weir/agent.yaml',
  etcd_scheme: `${AGENT} write http:// or https:// in store.etcd.endpoints`,
  etcd_key_file: `${AGENT} store.etcd.keyFile`,
  etcd_cert_file: `${AGENT} store.etcd.certFile`,
  etcd_ca_cert_file: `${AGENT} store.etcd.caFile`,
  nodename: `${AGENT} host`,
  nodename_file: `${AGENT} host`,
  nodename_file_optional: `${AGENT} host`,
  hostname: `${AGENT} host`,
  log_level: `${AGENT} logLevel`,
  log_file_path: 'the agent logs to standard output, and so to the journal',
  log_file_max_size: 'the agent logs to standard output, and so to the journal',
  log_file_max_age: 'the agent logs to standard output, and so to the journal',
  log_file_max_count: 'the agent logs to standard output, and so to the journal',
  policy: 'policy is always in force: weir-policy is a step of the chain',
  policy_setup_timeout_seconds: 'not needed: ADD returns when policy is in force',
  endpoint_status_dir: 'not needed: ADD returns when policy is in force',
  readiness_gates: 'not needed: ADD waits for the agent',
  ipam_lock_file: 'not needed: addresses are given out by transactions',
  kubernetes: "Weir does not ask Kubernetes' API server",
  include_default_routes: 'a container always has its default route',
  device_type: 'links are veth pairs',
  num_queues: 'links have the queues that the kernel gives them',
  mode: 'links are veth pairs',
  container_settings: 'containers do not forward packets',
  feature_control: 'addresses come from pools; a task asks for a certain one by ip_addresses of its NetworkInfo',
  dataplane_options: 'there is one dataplane, nftables',
  windows_use_single_network: 'Weir is for Linux',
};
