/**
 * Names in the environment that belong to other commands. One environment may serve several, a pod's with `contender control`
 * beside a sidecar say, so a sidecar neither reads them nor takes them for misspelt ones.
 */
export const otherCommandsNames: readonly string[] = [
  "CONTENDER_CONTROL_HTTP",
  "CONTENDER_CONTROL_LISTEN",
  "CONTENDER_STORE",
];
