/** Kubernetes' NetworkPolicy as `networking.k8s.io/v1` describes it; `extensions/v1beta1` has the same fields. */
export interface NetworkPolicy {
  apiVersion: 'networking.k8s.io/v1';
  kind: 'NetworkPolicy';
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    podSelector: LabelSelector;
    policyTypes?: ('Ingress' | 'Egress')[];
    ingress?: { from?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
    egress?: { to?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
  };
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: LabelOperator; values?: string[] }[];
}

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';

export interface NetworkPolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: string[] };
}

export interface NetworkPolicyPort {
  protocol?: 'TCP' | 'UDP' | 'SCTP';
  port?: number | string;
  endPort?: number;
}

/** API versions whose NetworkPolicy is taken as it is. */
export const NETWORK_POLICY_VERSIONS = ['networking.k8s.io/v1', 'extensions/v1beta1'] as const;

/** Annotation of a Policy that was a Kubernetes object: `<apiVersion> NetworkPolicy`. */
export const SOURCE_ANNOTATION = 'weir/source';
