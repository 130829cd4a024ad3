// Weir's own, built into kube-network-policies: asks its evaluator of packets, without a cluster. A world a line comes by standard input,
// and for each a line with what becomes of its packets goes to standard output.
package networkpolicy

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"testing"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	npav1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	policylisters "sigs.k8s.io/network-policy-api/pkg/client/listers/apis/v1alpha1"
)

type world struct {
	Namespaces []*v1.Namespace
	Pods       []*v1.Pod
	Policies   []*networkingv1.NetworkPolicy
	Admin      []*npav1alpha1.AdminNetworkPolicy
	Baseline   []*npav1alpha1.BaselineAdminNetworkPolicy
	Packets    []struct {
		Source, Destination         string
		Protocol                    v1.Protocol
		SourcePort, DestinationPort int
	}
}

func TestMain(*testing.M) {
	worlds := json.NewDecoder(bufio.NewReader(os.Stdin))
	worlds.DisallowUnknownFields()
	answers := json.NewEncoder(os.Stdout)
	for worlds.More() {
		var w world
		if err := worlds.Decode(&w); err != nil {
			panic(err)
		}
		if err := answers.Encode(w.answers()); err != nil {
			panic(err)
		}
	}
}

func (w *world) answers() []bool {
	podAt := map[string]*v1.Pod{}
	for _, pod := range w.Pods {
		for _, address := range pod.Status.PodIPs {
			podAt[address.IP] = pod
		}
	}
	controller := &Controller{
		config:                           Config{AdminNetworkPolicy: true, BaselineAdminNetworkPolicy: true},
		namespaceLister:                  corelisters.NewNamespaceLister(indexed(w.Namespaces)),
		networkpolicyLister:              networkinglisters.NewNetworkPolicyLister(indexed(w.Policies)),
		adminNetworkPolicyLister:         policylisters.NewAdminNetworkPolicyLister(indexed(w.Admin)),
		baselineAdminNetworkPolicyLister: policylisters.NewBaselineAdminNetworkPolicyLister(indexed(w.Baseline)),
		getPodAssignedToIP:               func(address string) *v1.Pod { return podAt[address] },
	}
	answers := []bool{}
	for _, p := range w.Packets {
		answers = append(answers, controller.evaluatePacket(context.Background(), packet{
			srcIP: net.ParseIP(p.Source), dstIP: net.ParseIP(p.Destination),
			proto: p.Protocol, srcPort: p.SourcePort, dstPort: p.DestinationPort,
		}))
	}
	return answers
}

func indexed[T any](objects []T) cache.Indexer {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, object := range objects {
		if err := indexer.Add(object); err != nil {
			panic(err)
		}
	}
	return indexer
}
