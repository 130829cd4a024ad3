/** What several tests have in common: containers of the namespace `shop`, some of which the server there counts as friends. */

/** The network's labels of a container of that namespace. */
export const SHOP = { 'weir/namespace': 'shop' };

export const ONLY_FRIENDS = `
apiVersion: weir/v1
kind: Policy
metadata: { name: friends, namespace: shop }
spec: { selector: app == 'server', ingress: [{ action: Allow, source: { selector: friend == 'yes' } }] }
`;
