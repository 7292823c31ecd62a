/** A route "fraud" as people write it, over the pod's own model v41 and another one, v42. */
export const fraudText = (v42 = 10): string => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  variants: { v41: { address: local }, v42: { address: "10.0.0.2:8500" } }
  champion: v41
  weights: { v41: 90, v42: ${v42} }
`;

/** A route as a route file says it, in JSON. */
export const routeDocument = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: "contender.dev/v1alpha1", kind: "ModelRoute", metadata: { name }, spec });
