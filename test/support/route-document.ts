/** A route as a route file says it, in JSON. */
export const routeDocument = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: "contender.dev/v1alpha1", kind: "ModelRoute", metadata: { name }, spec });
