import type { LabelSelector } from './network-policy.ts';

/** Kubernetes' ClusterNetworkPolicy as `policy.networking.k8s.io/v1alpha2` describes it, as far as it is in the standard channel. */
export interface ClusterNetworkPolicy {
  apiVersion: 'policy.networking.k8s.io/v1alpha2';
  kind: 'ClusterNetworkPolicy';
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    tier: 'Admin' | 'Baseline';
    /** 0 to 1000, lower first. */
    priority: number;
    subject: ClusterPeer;
    ingress?: (ClusterRule & { from: ClusterPeer[] })[];
    egress?: (ClusterRule & { to: (ClusterPeer | { networks: string[] })[] })[];
  };
}

export interface ClusterRule {
  name?: string;
  action: 'Accept' | 'Deny' | 'Pass';
  protocols?: ClusterProtocol[];
}

export type ClusterPeer = { namespaces: LabelSelector } | { pods: { namespaceSelector?: LabelSelector; podSelector: LabelSelector } };

export type ClusterProtocol =
  | { [P in 'tcp' | 'udp' | 'sctp']?: { destinationPort: { number: number } | { range: { start: number; end: number } } } }
  | { destinationNamedPort: string };

/** Annotation of a rule that had a name in Kubernetes. */
export const RULE_NAME_ANNOTATION = 'weir/rule-name';

/**
 * The kinds of cluster-wide policy, and what names of theirs begin with here: GlobalPolicies of three kinds would otherwise be in each
 * other's way.
 */
export const CLUSTER_POLICIES = {
  AdminNetworkPolicy: { apiVersion: 'policy.networking.k8s.io/v1alpha1', prefix: 'anp.' },
  BaselineAdminNetworkPolicy: { apiVersion: 'policy.networking.k8s.io/v1alpha1', prefix: 'banp.' },
  ClusterNetworkPolicy: { apiVersion: 'policy.networking.k8s.io/v1alpha2', prefix: 'cnp.' },
} as const;

export type ClusterPolicyKind = keyof typeof CLUSTER_POLICIES;

export const ADMIN_TIER = 'kube-admin';
export const BASELINE_TIER = 'kube-baseline';
